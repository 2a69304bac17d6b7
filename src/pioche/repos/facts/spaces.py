"""A Space's configuration: the fields of its card with their defaults, those that make no sense replaced (ui.md 2.3)."""

from typing import Any

from pioche.repos.cards import texts
from pioche.repos.facts.observation import Observed

Json = dict[str, Any]

COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
SDKS = ("gradio", "docker", "static", "streamlit")
_TEXTS = (
    "title", "emoji", "sdk_version", "python_version", "app_file", "app_build_command", "base_path", "short_description",
    "thumbnail", "license", "suggested_hardware", "hf_oauth_authorized_org", "startup_duration_timeout",
)  # fmt: skip
_FLAGS = ("pinned", "fullWidth", "hf_oauth", "disable_embedding")
_HEADERS = ("cross-origin-embedder-policy", "cross-origin-opener-policy", "cross-origin-resource-policy")
_TEXT_MAX = 500
_PORT_MAX = 65_535
_OAUTH_MINUTES_MAX = 43_200


def config(seen: Observed, sdk: str | None) -> Json:
    """`sdk` is what the repo's row says, where the card has none that is known."""
    card = seen.card
    declared = card.get("sdk")
    found: Json = {"sdk": declared if declared in SDKS else sdk}
    found |= {name: text for name in _TEXTS if (text := _text(card.get(name)))}
    found |= {name: card[name] for name in _FLAGS if isinstance(card.get(name), bool)}
    for name in ("colorFrom", "colorTo"):
        if card.get(name) in COLOURS:
            found[name] = card[name]
    if card.get("header") in ("mini", "default"):
        found["header"] = card["header"]
    found |= {
        name: texts(card, name)
        for name in ("models", "datasets", "preload_from_hub", "hf_oauth_scopes")
        if name in card
    }
    found |= _numbers(card)
    headers = card.get("custom_headers")
    if isinstance(headers, dict):
        found["custom_headers"] = {n: v for n, v in headers.items() if n in _HEADERS and isinstance(v, str)}
    return _with_defaults(found)


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)[:_TEXT_MAX]


def _numbers(card: Json) -> Json:
    found: Json = {}
    port, minutes = card.get("app_port"), card.get("hf_oauth_expiration_minutes")
    if type(port) is int and 0 < port <= _PORT_MAX:
        found["app_port"] = port
    if type(minutes) is int and 0 < minutes <= _OAUTH_MINUTES_MAX:
        found["hf_oauth_expiration_minutes"] = minutes
    return found


def _with_defaults(found: Json) -> Json:
    defaults: Json = {"fullWidth": True, "header": "default", "pinned": False}
    match found["sdk"]:
        case "docker":
            defaults["app_port"] = 7860
        case "static":
            defaults["app_file"] = "index.html"
        case "gradio" | "streamlit":
            defaults |= {"app_file": "app.py", "python_version": "3.10"}
    if found.get("hf_oauth"):
        defaults["hf_oauth_expiration_minutes"] = 480
    return defaults | found
