"""What lies at a destination, in a file of its own: a hub may have more files than memory has room for."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from pioche.storage.blobs import Stored
from pioche.upkeep.backups.generations import Kept


class Known:
    """For one thread. `path` is made, and goes with the object."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._rows = sqlite3.connect(path, isolation_level=None)
        self._rows.execute("PRAGMA synchronous=OFF")
        self._rows.execute("CREATE TABLE present (key TEXT PRIMARY KEY, size INTEGER, sha256 TEXT) WITHOUT ROWID")
        self._rows.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.close()
        self._path.unlink(missing_ok=True)

    def add_stored(self, found: Iterable[Stored]) -> None:
        """What is there, by a listing."""
        rows = ((stored.key, stored.size) for stored in found)
        self._rows.executemany("INSERT OR REPLACE INTO present VALUES (?, ?, NULL)", rows)

    def add_proved(self, files: Iterable[Kept]) -> None:
        """What an earlier backup says of it; of what is not there, or has another size, nothing is believed."""
        rows = ((kept.sha256, kept.key, kept.size) for kept in files)
        self._rows.executemany("UPDATE present SET sha256 = ? WHERE key = ? AND size = ?", rows)

    def find(self, key: str) -> tuple[int, str | None] | None:
        """Size and, where it was proved, sha256 of what lies under `key`."""
        with closing(self._rows.execute("SELECT size, sha256 FROM present WHERE key = ?", (key,))) as found:
            row: tuple[int, str | None] | None = found.fetchone()
        return row

    def unproved(self) -> list[str]:
        """The keys that no `add_proved` named."""
        with closing(self._rows.execute("SELECT key FROM present WHERE sha256 IS NULL")) as found:
            return [key for (key,) in found]
