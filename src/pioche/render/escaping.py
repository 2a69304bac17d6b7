"""Plain text as HTML, with what hides in it made visible."""

import html
import re

# Marks that change the order in which text is shown: what one reads is not what runs (CVE-2021-42574).
_HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def escape(text: str) -> str:
    """Text for between tags and in attributes."""
    return html.escape(_CONTROL.sub("\ufffd", text))


def escape_code(text: str) -> str:
    """As `escape`; marks of direction are shown by their number."""
    return _HIDDEN.sub(_shown, escape(text))


def _shown(match: re.Match[str]) -> str:
    return f'<span class="hidden-mark">U+{ord(match[0]):04X}</span>'


def lines(text: str) -> list[str]:
    """As editors count them: only newlines (of Unix, Windows, old Macs) end a line, and no empty one follows the last."""
    found = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(found) > 1 and not found[-1]:
        found.pop()
    return found


def decode(data: bytes) -> str:
    return data.decode("utf-8-sig", "replace")
