"""How times are written in answers."""

from datetime import UTC, datetime


def date(milliseconds: int) -> str:
    """`2026-09-22T17:25:10.000Z`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03}Z"
