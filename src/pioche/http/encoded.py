"""Rows of lists as JSON, remembered until something is committed.

Lists that are asked in different ways show the same repos again and again, and to look one up and to write it down takes
longer than to find it. Only rows that are the same for everybody are kept: those of public repos. They are forgotten with the
next commit of any process, as whole answers are (`http.answers`).

SQLite only: PostgreSQL does not say cheaply whether anything was committed.
"""

import threading
from collections.abc import Hashable, Iterable, Mapping

_BYTES_MAX = 16 * 2**20
_OVERHEAD_BYTES = 200
"""Of a row in the dictionary, about."""


class EncodedRows:
    """Of one process, for its threads. A row's key is (row id, what it shows)."""

    def __init__(self, bytes_max: int = _BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._as_of: int | None = None
        self._rows: dict[tuple[int, Hashable], bytes] = {}
        self._bytes = 0

    def find(self, as_of: int | None, shown: Hashable, repo_ids: Iterable[int]) -> dict[int, bytes]:
        """Those that are known, by row id. `as_of` is the generation of the database before the first look at it."""
        with self._lock:
            if as_of is None or as_of != self._as_of:
                return {}
            rows = self._rows
        return {repo_id: row for repo_id in repo_ids if (row := rows.get((repo_id, shown))) is not None}

    def keep(self, as_of: int | None, shown: Hashable, rows: Mapping[int, bytes]) -> None:
        """Rows that were read after `as_of`: if they are newer, they are forgotten too early."""
        if as_of is None:
            return
        size = sum(map(len, rows.values())) + _OVERHEAD_BYTES * len(rows)
        with self._lock:
            if self._as_of is not None and as_of < self._as_of:  # somebody has seen a commit since
                return
            if as_of != self._as_of or self._bytes + size > self._bytes_max:
                self._rows, self._bytes, self._as_of = {}, 0, as_of
            if size <= self._bytes_max:
                self._rows.update({(repo_id, shown): row for repo_id, row in rows.items()})
                self._bytes += size
