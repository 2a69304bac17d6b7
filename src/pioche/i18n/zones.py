"""In whose time the exact times of a page are told."""

from contextvars import ContextVar
from datetime import UTC, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

_REGIONS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_clock: ContextVar[tzinfo] = ContextVar("zone", default=UTC)


@lru_cache(maxsize=1)
def known() -> tuple[str, ...]:
    """By name, those of places; none on a machine without the IANA database."""
    return tuple(sorted(name for name in available_timezones() if name.partition("/")[0] in _REGIONS and "/" in name))


def go_by(name: str | None) -> None:
    """From here on, this request (and the threads that work for it) tells exact times in this zone. None, and one that this
    machine does not know, is UTC."""
    _clock.set(ZoneInfo(name) if name in known() else UTC)


def clock() -> tzinfo:
    """The zone of the present request; UTC outside of one."""
    return _clock.get()
