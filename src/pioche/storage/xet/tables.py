"""The chunk tables of stored xorbs, read from their rows and remembered: a xorb never changes."""

from collections import OrderedDict
from threading import Lock

from pioche.db.engine import Database, Lookup
from pioche.errors import Corrupt
from pioche.storage.xet.hashing import to_text
from pioche.storage.xet.xorbs import ChunkTable

_BY_HASH = Lookup("SELECT chunks FROM xorbs WHERE hash = :hash")
_REMEMBERED_BYTES_MAX = 32 << 20  # a full xorb of ordinary chunks has a table of 40 KiB


class ChunkTables:
    """Callable: the table of a xorb (raw hash) that some row names. One a process; safe in threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._remembered: OrderedDict[bytes, ChunkTable] = OrderedDict()
        self._remembered_bytes = 0

    def __call__(self, xorb: bytes) -> ChunkTable:
        """Raises Corrupt when there is no such xorb: whoever asks has read its name in a row."""
        with self._lock:
            if xorb in self._remembered:
                self._remembered.move_to_end(xorb)
                return self._remembered[xorb]
        row = self._database.fetch_one_sync(_BY_HASH, {"hash": to_text(xorb)})
        if row is None:
            raise Corrupt(f"The xorb {to_text(xorb)} is missing")
        table = ChunkTable(bytes(row[0]))
        self._remember(xorb, table)
        return table

    def _remember(self, xorb: bytes, table: ChunkTable) -> None:
        with self._lock:
            if xorb in self._remembered:
                return
            self._remembered[xorb] = table
            self._remembered_bytes += len(table.packed)
            while self._remembered_bytes > _REMEMBERED_BYTES_MAX:
                _, old = self._remembered.popitem(last=False)
                self._remembered_bytes -= len(old.packed)
