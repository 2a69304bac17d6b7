"""Which languages there are, and the one that a reader wants."""

from contextvars import ContextVar
from typing import Final

DEFAULT: Final = "en"
NAMES: Final = {"en": "English", "fr": "Français"}
"""Every language of the pages, named in itself."""

PSEUDO: Final = "qps"
"""English with accents, 40 % longer: shows which texts nobody translates, and where long words break a page."""

_spoken: ContextVar[str] = ContextVar("language", default=DEFAULT)


def speak(language: str) -> None:
    """From here on, this request (and the threads that work for it) is answered in `language`."""
    _spoken.set(language)


def spoken() -> str:
    """The language of the present request; English outside of one."""
    return _spoken.get()


def is_known(language: str | None) -> bool:
    return language in NAMES or language == PSEUDO


def choose(remembered: str | None, accepted: str) -> str:
    """What the reader chose once, else the best of an Accept-Language header that we have, else English."""
    if remembered is not None and is_known(remembered):
        return remembered
    wanted = [_weighed(part) for part in accepted.split(",")[:20]]
    for _, language in sorted((item for item in wanted if item[0] > 0), key=lambda item: -item[0]):
        if language in NAMES:
            return language
    return DEFAULT


def _weighed(part: str) -> tuple[float, str]:
    """`fr-CA;q=0.8` is (0.8, "fr"); what cannot be read weighs nothing."""
    tag, _, weight = part.strip().partition(";")
    language = tag.strip().lower().partition("-")[0]
    text = weight.strip().removeprefix("q=").strip()
    if not text:
        return 1.0, language
    return (float(text) if len(text) < 8 and text.replace(".", "", 1).isdecimal() else 0.0), language
