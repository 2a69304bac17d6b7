"""Numbers, sizes and times as the readers of a language write them."""

import time
from datetime import UTC, datetime
from functools import lru_cache

from babel import Locale, dates, numbers

from pioche.i18n import languages, zones
from pioche.i18n.texts import gettext as _

_DAY_MS = 86_400_000
_UNITS = ("", "k", "M", "G", "T", "P")


def _locale() -> Locale:
    language = languages.spoken()
    return _parsed(language if language in languages.NAMES else languages.DEFAULT)


@lru_cache
def _parsed(language: str) -> Locale:
    return Locale.parse(language)


def number(value: float) -> str:
    """`12,345.6`, in French `12 345,6`."""
    return _number(value, _locale())


@lru_cache(maxsize=8192)
def _number(value: float, locale: Locale) -> str:
    """A list counts hundreds of tags."""
    return numbers.format_decimal(value, locale=locale)


def percent(value: float) -> str:
    """Of a share: 0.5 is `50%`, in French `50 %`."""
    return numbers.format_percent(value, locale=_locale())


def compact(value: int) -> str:
    """`12.3K`, in French `12,3 k`: for counts in lists."""
    return numbers.format_compact_decimal(value, locale=_locale(), fraction_digits=1 if value >= 1000 else 0)


def size(bytes_: int) -> str:
    """`12.3 GB`, in French `12,3 Go`: decimal units, as the Hub shows them."""
    value, unit = float(bytes_), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 100 else 1
    text = numbers.format_decimal(round(value, digits), locale=_locale())
    letter = "o" if languages.spoken() == "fr" else "B"
    return f"{text}\N{NO-BREAK SPACE}{_UNITS[unit]}{letter}"


def parameters(count: int) -> str:
    """`7.25B`, in French `7,25 Md`: how large a model is."""
    for least, unit in ((10**12, _("T")), (10**9, _("B")), (10**6, _("M")), (10**3, _("K"))):
        if count >= least:
            value = count / least
            digits = 0 if value >= 100 else 1 if value >= 10 else 2
            return f"{numbers.format_decimal(round(value, digits), locale=_locale())}\N{NARROW NO-BREAK SPACE}{unit}"
    return str(count)


def moment(ms: int) -> str:
    """A time in full, by the reader's clock: for what a pointer shows over a relative one."""
    return dates.format_datetime(_datetime(ms), "long", tzinfo=zones.clock(), locale=_locale())


def day(ms: int) -> str:
    """`14 July 2026`, `14 juillet 2026`."""
    return _day(ms // _DAY_MS, _locale())


@lru_cache(maxsize=8192)
def _day(day: int, locale: Locale) -> str:
    """A chart names hundreds of days, and a year has few."""
    return dates.format_date(_datetime(day * _DAY_MS), "long", locale=locale)


def relative(ms: int) -> str:
    """`3 days ago`, `il y a 3 jours`; older than a year, the day."""
    seconds = int(ms / 1000 - time.time())
    if seconds < -365 * 86_400:
        return day(ms)
    return dates.format_timedelta(min(seconds, -1), add_direction=True, locale=_locale())


def iso(ms: int) -> str:
    """For machines: the `datetime` of a `<time>`."""
    return _datetime(ms).isoformat(timespec="seconds").replace("+00:00", "Z")


def language_name(code: str) -> str | None:
    """`French` for `fr`, in the spoken language; None for a code that nobody knows."""
    name = _locale().languages.get(code.lower())
    return str(name) if name else None


def _datetime(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
