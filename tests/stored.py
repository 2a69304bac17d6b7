"""Bytes of a hub, reached behind its back to damage them: a file on its disk, or an object in its bucket.

flip(world.blob(DATA))
"""

import os
import time
from pathlib import Path
from typing import Protocol

from pioche.storage.blobs import BlobStore

_LONG_AGO = time.time() - 30 * 86_400


class Stored(Protocol):
    """What a `Path` can do, and an object in a bucket too."""

    def read_bytes(self) -> bytes: ...

    def write_bytes(self, data: bytes, /) -> int:
        """Over what is there, as any other program does."""
        ...

    def unlink(self) -> None: ...

    def exists(self) -> bool: ...


class InBucket:
    """The object `key` of a store that has no files."""

    def __init__(self, blobs: BlobStore, key: str) -> None:
        self._blobs = blobs
        self._key = key

    def read_bytes(self) -> bytes:
        return b"".join(self._blobs.read(self._key))

    def write_bytes(self, data: bytes, /) -> int:
        self._blobs.delete(self._key)  # an object of the same size would be left as it is
        self._blobs.put_bytes(self._key, data)
        return len(data)

    def unlink(self) -> None:
        self._blobs.delete(self._key)

    def exists(self) -> bool:
        return self._blobs.size(self._key) is not None


def flip(stored: Stored, at: int | None = None) -> None:
    """One bit, in the middle or where it is said."""
    if isinstance(stored, Path):
        os.chmod(stored, 0o644)
    data = bytearray(stored.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 0x10
    stored.write_bytes(bytes(data))


def moved(index: Path) -> Path:
    """The same index of a pack, but not the file that this process may have mapped: libgit2 trusts what it has checked
    once, and a bit that changes beneath it can lead it outside the file, which ends the process."""
    data = index.read_bytes()
    index.unlink()
    index.write_bytes(data)
    return index


def cut(stored: Stored, length: int | None = None) -> None:
    """Keeps the first half, or so many bytes."""
    data = stored.read_bytes()
    stored.write_bytes(data[: len(data) // 2 if length is None else length])


def zero(stored: Stored) -> None:
    stored.write_bytes(bytes(len(stored.read_bytes())))


def remove(stored: Stored) -> None:
    stored.unlink()


def age(path: Path) -> Path:
    """As if nobody had touched it for a month."""
    os.utime(path, (_LONG_AGO, _LONG_AGO))
    return path
