"""Can this hub serve? Asked of every process by whoever sends it work (scenarios J10, B6)."""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from pioche.db.engine import Database, Lookup
from pioche.errors import Failure, OutOfSpace
from pioche.storage.disk import Room

_ANY_ROW = Lookup("SELECT value FROM instance LIMIT 1")
_REMEMBERED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Health:
    """`database` answers; `storage` can be written and has room. Without the first nothing works, without the second reads do."""

    database: bool
    storage: bool

    @property
    def status(self) -> str:
        if not self.database:
            return "unavailable"
        return "ready" if self.storage else "degraded"


class Doctor:
    """Looks every two seconds at most, one thread at a time: asking often costs nothing."""

    def __init__(self, database: Database, data_dir: Path, room: Room) -> None:
        self._database = database
        self._room = room
        self._data_dir = data_dir
        self._looking = threading.Lock()
        self._found = Health(database=False, storage=False)
        self._looked_at = float("-inf")

    def examine(self) -> Health:
        """Plain and blocking: a look at the database, a file written and removed."""
        if time.monotonic() - self._looked_at > _REMEMBERED_SECONDS:
            with self._looking:
                if time.monotonic() - self._looked_at > _REMEMBERED_SECONDS:
                    self._found = Health(database=self._database_answers(), storage=self._storage_takes())
                    self._looked_at = time.monotonic()
        return self._found

    def _database_answers(self) -> bool:
        try:
            return self._database.fetch_one_sync(_ANY_ROW, {}) is not None
        except Failure:
            return False

    def _storage_takes(self) -> bool:
        probe = self._data_dir / "incoming" / f".probe-{os.getpid()}"
        try:
            probe.write_bytes(b"1")
            probe.unlink()
            self._room.check()
        except (OSError, OutOfSpace):
            return False
        return True
