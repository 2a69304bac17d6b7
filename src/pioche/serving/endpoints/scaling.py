"""How many replicas a deployment has, from how many requests it answered at once. No clock: the time is given."""

import math
from collections import deque

UP_SECONDS = 60.0
"""More are started when each of the last so many seconds asked for more."""
DOWN_SECONDS = 300.0
"""Some are ended when none of the last so many seconds asked for as many."""
LOAD = 4.0
"""Requests at once that a replica is for, where the endpoint does not say."""


class Scaler:
    """Of one deployment."""

    def __init__(self, *, up_seconds: float = UP_SECONDS, down_seconds: float = DOWN_SECONDS) -> None:
        self._up = up_seconds
        self._down = down_seconds
        self._asked: deque[tuple[float, int]] = deque()
        self._began: float | None = None

    def replicas(self, now: int, at_once: int, seconds: float, *, load: float, least: int, most: int) -> int:
        """How many there should be of `now`, when `at_once` requests are being answered or wait at the time `seconds`."""
        if self._began is None:
            self._began = seconds
        self._asked.append((seconds, math.ceil(at_once / load)))
        while self._asked and self._asked[0][0] < seconds - max(self._up, self._down):
            self._asked.popleft()
        more = min(self._of_last(self._up, seconds))
        fewer = max(self._of_last(self._down, seconds))
        wanted = now
        if more > now and seconds - self._began >= self._up:
            wanted = more
        elif fewer < now and seconds - self._began >= self._down:
            wanted = fewer
        return max(least, min(most, wanted))

    def _of_last(self, window: float, seconds: float) -> list[int]:
        return [count for at, count in self._asked if at >= seconds - window]
