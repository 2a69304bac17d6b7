"""Bytes in a dictionary: for tests, and the clearest statement of what a store promises."""

import time
from collections.abc import Iterator
from pathlib import Path

from pioche.errors import Corrupt
from pioche.storage.blobs import Stored

_PIECE = 2**20


class MemoryBlobs:
    """Durable until the process ends."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._put_at: dict[str, int] = {}

    def put(self, key: str, source: Path) -> None:
        self.put_bytes(key, source.read_bytes())
        source.unlink()

    def put_bytes(self, key: str, data: bytes) -> None:
        self._blobs.setdefault(key, data)
        self._put_at.setdefault(key, time.time_ns() // 1_000_000)

    def size(self, key: str) -> int | None:
        data = self._blobs.get(key)
        return None if data is None else len(data)

    def read(self, key: str, start: int = 0, end: int | None = None, *, once: bool = False) -> Iterator[bytes]:
        data = self._blobs.get(key)
        if data is None or len(data) < (end or 0):
            raise Corrupt("A stored file is missing or too short")
        stop = len(data) if end is None else end
        for position in range(start, stop, _PIECE):
            yield data[position : min(position + _PIECE, stop)]

    def delete(self, key: str) -> None:
        self._blobs.pop(key, None)
        self._put_at.pop(key, None)

    def list(self, prefix: str) -> Iterator[Stored]:
        below = prefix.rstrip("/") + "/"
        yield from [Stored(k, len(v), self._put_at[k]) for k, v in self._blobs.items() if k.startswith(below)]

    def move(self, key: str, to: str) -> None:
        if key in self._blobs:
            self._blobs[to] = self._blobs.pop(key)
            self._put_at[to] = self._put_at.pop(key)
