"""Not looking again and again for rows that cannot be there: on SQLite it costs microseconds to know that nobody has
committed anything since (`Database.data_version`). On PostgreSQL nobody can tell, and whoever waits looks each time."""

import threading
from collections.abc import Callable

from pioche.db.engine import Database
from pioche.db.instance import now_ms

_FOREVER = 2**62


class Quiet(threading.local):
    """What a thread found: nothing. It lasts until a commit, or until a time. Each thread has its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: int | None = None
        self._version: int | None = None
        self._until = 0

    def lasts(self) -> bool:
        """Whether there still is nothing. Raises Unavailable and its like."""
        self._asked = self._database.data_version() if self._database.is_sqlite else None
        return self._asked is not None and self._asked == self._version and now_ms() < self._until

    def begin(self, until: Callable[[], int] = lambda: _FOREVER) -> None:
        """There was nothing, as of the last `lasts`, and without a commit there is nothing before `until` (ms), which is
        asked for where that is of use."""
        if self._asked is not None:
            self._version, self._until = self._asked, until()

    def end(self) -> None:
        """There is something to be tried again."""
        self._version = None
