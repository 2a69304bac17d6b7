"""Bytes on the local disk. A blob appears under its name whole and synced, or not at all (invariants I1, I2)."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pioche.errors import Corrupt, OutOfSpace, Unavailable

_PIECE = 2**20


class LocalBlobs:
    """`root` is the data folder; keys are paths below it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, key: str) -> Path:
        return self._root / key

    def put(self, key: str, source: Path) -> None:
        target = self.path(key)
        with _translated():
            if target.exists():
                source.unlink()
                sync_folder(target.parent)  # another process may have renamed it a moment ago, unsynced
                return
            sync_file(source)
            _make_folder(target.parent, self._root)
            source.replace(target)
            sync_folder(target.parent)

    def put_bytes(self, key: str, data: bytes) -> None:
        if self.path(key).exists():
            return
        draft = self._root / "incoming" / f"blob-{secrets.token_hex(8)}"
        with _translated():
            draft.write_bytes(data)
        self.put(key, draft)

    def size(self, key: str) -> int | None:
        try:
            return self.path(key).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise translate(error) from error

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        try:
            descriptor = os.open(self.path(key), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Corrupt("A stored file is missing") from None
        except OSError as error:
            raise translate(error) from error
        try:
            yield from _pieces(descriptor, start, os.fstat(descriptor).st_size if end is None else end)
        finally:
            os.close(descriptor)

    def delete(self, key: str) -> None:
        with _translated():
            self.path(key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[str]:
        for folder, _, names in os.walk(self._root / prefix):
            for name in names:
                yield str((Path(folder) / name).relative_to(self._root))


def _pieces(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        try:
            piece = os.pread(descriptor, min(_PIECE, end - start), start)
        except OSError as error:
            raise translate(error) from error
        if not piece:
            raise Corrupt(f"A stored file ended {end - start} bytes early")
        start += len(piece)
        yield piece


def _make_folder(folder: Path, root: Path) -> None:
    """Creates `folder` and syncs each parent that gained an entry, so that the name outlives a power cut."""
    missing = list[Path]()
    while folder != root and not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise translate(error) from error


def translate(error: OSError) -> Unavailable | OutOfSpace:
    """The operating system's words in ours; no path of the server in them."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutOfSpace("The disk is full: nothing was stored")
    return Unavailable(f"The disk does not answer: {error.strerror}")
