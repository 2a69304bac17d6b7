"""What was rendered, kept as files that may be deleted at any time, the least lately used first."""

import contextlib
import os
import secrets
import threading
import zlib
from collections import OrderedDict
from pathlib import Path

_IN_MEMORY_BYTES_MAX = 8 * 2**20
_SWEPT_PART = 16  # a sweep after every sixteenth of the whole size that was written
_KEPT_PART = 0.8  # and it leaves so much


class Cache:
    """Bytes by key (a hexadecimal text). Several processes may share the folder; nobody waits for anybody.

    Failing to write costs the next reader time and nothing else, so it is not told: a full disk must not hide a page.
    """

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._memory_bytes = 0
        self._lock = threading.Lock()
        self._unswept = bytes_max  # so that the first write of a process looks at what others left

    def find(self, key: str) -> bytes | None:
        with self._lock:
            found = self._memory.get(key)
            if found is not None:
                self._memory.move_to_end(key)
                return found
        found = self._read(key)
        if found is not None:
            self._remember(key, found)
        return found

    def keep(self, key: str, data: bytes) -> None:
        self._remember(key, data)
        if not self._bytes_max:
            return
        packed = zlib.compress(data, 1)
        with contextlib.suppress(OSError):
            self._write(self._path(key), packed)
        with self._lock:
            self._unswept += len(packed)
            is_due = self._unswept * _SWEPT_PART >= self._bytes_max
            if is_due:
                self._unswept = 0
        if is_due:
            self.sweep()

    def sweep(self) -> None:
        """Deletes what was used longest ago until the rest fits."""
        found = list[tuple[float, int, Path]]()
        for path in self._folder.glob("*/*"):
            with contextlib.suppress(OSError):
                state = path.stat()
                found.append((state.st_mtime, state.st_size, path))
        size = sum(item[1] for item in found)
        if size <= self._bytes_max:
            return
        for _, bytes_of_file, path in sorted(found, key=lambda item: item[0]):
            if size <= self._bytes_max * _KEPT_PART:
                return
            path.unlink(missing_ok=True)
            size -= bytes_of_file

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key[2:]

    def _read(self, key: str) -> bytes | None:
        path = self._path(key)
        try:
            data = zlib.decompress(path.read_bytes())
            os.utime(path)
        except (OSError, zlib.error):  # not there, swept this moment, or half written by a crash: rendered again
            return None
        return data

    def _write(self, path: Path, packed: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        try:
            draft.write_bytes(packed)
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def _remember(self, key: str, data: bytes) -> None:
        with self._lock:
            self._memory_bytes += len(data) - len(self._memory.pop(key, b""))
            self._memory[key] = data
            while self._memory_bytes > _IN_MEMORY_BYTES_MAX:
                self._memory_bytes -= len(self._memory.popitem(last=False)[1])
