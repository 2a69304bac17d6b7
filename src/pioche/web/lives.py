"""How long a token may be good for, as forms offer it."""

import time
from typing import Final

_DAY_MS = 86_400_000
LIVES: Final = ("7", "30", "90", "365", "")
"""Days; empty: until it is revoked."""


def ends_at(days: str) -> int | None:
    """When a token ends that is made now, in Unix milliseconds."""
    return int(time.time() * 1000) + int(days) * _DAY_MS if days else None
