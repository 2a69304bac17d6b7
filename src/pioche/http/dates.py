"""Times as the Hub writes them."""

import datetime
from functools import lru_cache

_DAY_MS = 86_400_000


def date(ms: int) -> str:
    """Unix milliseconds as ISO 8601 in UTC, with three decimals (hub-api.md section 9). A page of a list has dozens."""
    days, rest = divmod(ms, _DAY_MS)
    seconds, thousandths = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_day(days)}T{hour:02}:{minute:02}:{second:02}.{thousandths:03}Z"


@lru_cache(maxsize=4096)
def _day(days: int) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days)).isoformat()
