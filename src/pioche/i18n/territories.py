"""Countries by their codes (ISO 3166, two letters), named in the language that is spoken."""

import unicodedata
from functools import lru_cache
from typing import Final

from babel import Locale

from pioche.i18n import languages

_NO_COUNTRIES: Final = frozenset(("EU", "EZ", "UN", "QO", "ZZ", "XA", "XB"))
EUROPEAN_UNION: Final = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
)
"""Its members."""


@lru_cache
def codes() -> frozenset[str]:
    """All of them."""
    return frozenset(code for code, _ in _named(languages.DEFAULT))


def named() -> tuple[tuple[str, str], ...]:
    """(code, name), in the alphabet of the language."""
    language = languages.spoken()
    return _named(language if language in languages.NAMES else languages.DEFAULT)


def name(code: str) -> str:
    """The code itself when it is none."""
    return dict(named()).get(code, code)


@lru_cache
def _named(language: str) -> tuple[tuple[str, str], ...]:
    found = Locale.parse(language).territories.items()
    countries = [
        (code, text) for code, text in found if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
    ]
    return tuple(sorted(countries, key=lambda country: _in_alphabet(country[1])))


def _in_alphabet(text: str) -> str:
    """`Égypte` is among the E."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
