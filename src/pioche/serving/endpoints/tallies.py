"""How many requests there were, how many failed, and how long the others took, in a few numbers that can be added up."""

from bisect import bisect_left
from collections.abc import Iterable

import msgspec

_FIRST_MS = 1.0
_FACTOR = 1.3
BOUNDS_MS = tuple(_FIRST_MS * _FACTOR**place for place in range(46))
"""Upper bounds, to two minutes: a quantile is off by less than a third."""


class Tally(msgspec.Struct):
    """`latencies`: how many answers took no longer than each of `BOUNDS_MS`, and longer than the one before; the last number
    is of those that took longer than all."""

    requests: int = 0
    failures: int = 0
    latencies: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))

    def add(self, seconds: float, *, has_failed: bool) -> None:
        self.requests += 1
        if has_failed:
            self.failures += 1
        else:
            self.latencies[bisect_left(BOUNDS_MS, seconds * 1000)] += 1

    def minus(self, other: "Tally") -> "Tally":
        """What came since `other`, which was this one."""
        latencies = [now - then for now, then in zip(self.latencies, other.latencies, strict=True)]
        return Tally(self.requests - other.requests, self.failures - other.failures, latencies)

    @property
    def error_rate(self) -> float:
        return self.failures / self.requests if self.requests else 0.0

    def quantile(self, share: float) -> float | None:
        """Milliseconds that `share` of the answers did not exceed, interpolated; None without an answer."""
        answers = sum(self.latencies)
        if not answers:
            return None
        left = share * answers
        for place, count in enumerate(self.latencies):
            if count and left <= count:
                low = BOUNDS_MS[place - 1] if place else 0.0
                high = BOUNDS_MS[min(place, len(BOUNDS_MS) - 1)]
                return low + (high - low) * left / count
            left -= count
        return BOUNDS_MS[-1]


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    found = Tally()
    for tally in tallies:
        found.requests += tally.requests
        found.failures += tally.failures
        found.latencies = [one + other for one, other in zip(found.latencies, tally.latencies, strict=True)]
    return found
