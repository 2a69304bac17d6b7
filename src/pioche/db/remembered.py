"""Rows of the hot look-ups, remembered while the database stays as it is (SQLite).

`PRAGMA data_version` costs a fifth of a look-up and changes as soon as any other connection has committed, in this process
or another (architecture.md section 4): a revoked token or a moved branch counts for the next request. It is asked once a
turn of the event loop: whoever was told of a commit cannot ask anything before the next turn.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from pioche.db.lookup import Lookup, Row

_ROWS_MAX = 50_000
"""In all look-ups together, each counted as a row more: some tens of megabytes."""


class Remembered:
    """For the thread of one event loop. `fetch` runs a look-up, `version` asks the database, both at once."""

    def __init__(self, fetch: Callable[[Lookup, Mapping[str, Any]], list[Row]], version: Callable[[], int]) -> None:
        self._fetch = fetch
        self._ask_version = version
        self._rows: dict[tuple[Any, ...], list[Row]] = {}
        self._count = 0
        self._version: int | None = None
        self._generation = 0
        self._checked_in: asyncio.AbstractEventLoop | None = None

    def fetch(self, lookup: Lookup, params: Mapping[str, Any]) -> list[Row]:
        """The rows as they are now. The list is shared: it must not be changed."""
        self._check()
        key = (lookup, *[params[name] for name in lookup.names])
        rows = self._rows.get(key)
        if rows is None:
            # Under the version that was asked for before: if the rows are newer, they are forgotten too early.
            rows = self._fetch(lookup, params)
            if self._count + len(rows) >= _ROWS_MAX:
                self._forget()
            self._rows[key] = rows
            self._count += len(rows) + 1
        return rows

    def generation(self) -> int:
        """A number that is another one as soon as anybody has committed: for what others remember of the database."""
        self._check()
        return self._generation

    def doubt(self) -> None:
        """The database may have changed within this turn of the loop: ask again. From any thread."""
        self._checked_in = None

    def clear(self) -> None:
        """Forgets everything: the connection that was asked is gone."""
        self._forget()
        self._generation += 1
        self._version = None
        self._checked_in = None

    def _forget(self) -> None:
        self._rows.clear()
        self._count = 0

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is self._checked_in:
            return
        version = self._ask_version()
        if version != self._version:
            self._forget()
            self._generation += 1
            self._version = version
        self._checked_in = loop
        loop.call_soon(self.doubt)
