"""What a browser calls itself, in a few words: by which people tell their sessions apart. Nothing is decided by it."""

import re

_BROWSERS = (  # the first that fits: most browsers also claim to be another one
    ("Edge", "Edg"),
    ("Opera", "OPR"),
    ("Vivaldi", "Vivaldi"),
    ("Samsung Internet", "SamsungBrowser"),
    ("Firefox", "Firefox"),
    ("Firefox", "FxiOS"),
    ("Chromium", "HeadlessChrome"),
    ("Chrome", "Chrome"),
    ("Chrome", "CriOS"),
    ("Safari", "Safari"),
    ("curl", "curl"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iOS", "iPhone"),
    ("iPadOS", "iPad"),
    ("Windows", "Windows"),
    ("macOS", "Mac OS X"),
    ("ChromeOS", "CrOS"),
    ("Linux", "Linux"),
)
_READ_CHARACTERS = 500


def device_of(user_agent: str) -> str:
    """`Firefox 145 / Linux`; empty where nothing is recognised. Made of our own words and a number, whatever was sent."""
    text = user_agent[:_READ_CHARACTERS]
    browser = next((_versioned(name, mark, text) for name, mark in _BROWSERS if mark in text), "")
    system = next((name for name, mark in _SYSTEMS if mark in text), "")
    return " / ".join(part for part in (browser, system) if part)


def _versioned(name: str, mark: str, text: str) -> str:
    found = re.search(rf"{mark}\w*/(\d{{1,4}})", text, re.ASCII)
    return f"{name} {found[1]}" if found and name != "Safari" else name
