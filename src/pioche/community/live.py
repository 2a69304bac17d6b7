"""The version of threads, for many who look at one at once: a process asks the database once a second for each thread,
however many it tells."""

import asyncio
import time

from pioche.community import reading
from pioche.repos.access import Repo

LOOK_SECONDS = 1.0
_KEPT_MAX = 4096

Key = tuple[int, int]


class Versions:
    """Of one process, for its event loop."""

    def __init__(self) -> None:
        self._seen: dict[Key, tuple[float, asyncio.Future[int | None]]] = {}

    async def of(self, repo: Repo, number: int) -> int | None:
        """As it was at most a second ago; None when there is no such thread."""
        key, now = (repo.id, number), time.monotonic()
        known = self._seen.get(key)
        if known is not None and now - known[0] < LOOK_SECONDS:
            return await asyncio.shield(known[1])
        if len(self._seen) >= _KEPT_MAX:
            self._seen.clear()
        asked = asyncio.ensure_future(reading.version(repo, number))
        self._seen[key] = (now, asked)
        return await asyncio.shield(asked)
