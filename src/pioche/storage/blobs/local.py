"""Bytes on the local disk. A blob appears under its name whole and synced, or not at all (invariants I1, I2)."""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pioche.errors import Corrupt
from pioche.storage import direct
from pioche.storage.blobs import Stored
from pioche.storage.disk import sync_file, sync_folder, translate, translated
from pioche.storage.seals import is_sealed, seal

_PIECE = 2**20
_FOLDERS_REMEMBERED_MAX = 100_000


class LocalBlobs:
    """`root` is the data folder; keys are paths below it. Sources lie on the same file system."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._durable_folders: set[Path] = set()

    def path(self, key: str) -> Path:
        return self._root / key

    def put(self, key: str, source: Path) -> None:
        target = self.path(key)
        with translated():
            if self._is_durable(key, source.stat().st_size):
                source.unlink()
                return
            # Nothing there yet, or a file that somebody wrote to: whole bytes take its place at once.
            seal(source, target.name)
            sync_file(source)
            self._make_folder(target.parent)
            source.replace(target)
            sync_folder(target.parent)

    def put_bytes(self, key: str, data: bytes) -> None:
        with translated():
            if self._is_durable(key, len(data)):
                return
        draft = self._root / "incoming" / f"blob-{secrets.token_hex(8)}"
        try:
            with translated():
                draft.write_bytes(data)
            self.put(key, draft)
        finally:
            draft.unlink(missing_ok=True)

    def size(self, key: str) -> int | None:
        found = _status(self.path(key))
        return None if found is None else found.st_size

    def read(self, key: str, start: int = 0, end: int | None = None, *, once: bool = False) -> Iterator[bytes]:
        try:
            descriptor = os.open(self.path(key), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Corrupt("A stored file is missing") from None
        except OSError as error:
            raise translate(error) from error
        try:
            stop = os.fstat(descriptor).st_size if end is None else end
            read = direct.read if once and stop - start >= direct.BYTES_MIN else _read
            with translated():
                for piece in read(descriptor, start, stop):
                    yield piece
                    start += len(piece)
            if start < stop:
                raise Corrupt(f"A stored file ended {stop - start} bytes early")
        finally:
            os.close(descriptor)

    def delete(self, key: str) -> None:
        with translated():
            self.path(key).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[Stored]:
        for folder, _, names in os.walk(self._root / prefix, onerror=_raise):
            for name in names:
                path = Path(folder) / name
                found = _status(path)
                if found is not None:
                    yield Stored(str(path.relative_to(self._root)), found.st_size, found.st_mtime_ns // 1_000_000)

    def move(self, key: str, to: str) -> None:
        source, target = self.path(key), self.path(to)
        with translated():
            self._make_folder(target.parent)
            with suppress(FileNotFoundError):
                source.replace(target)
                sync_folder(target.parent)
                sync_folder(source.parent)

    def _is_durable(self, key: str, size: int) -> bool:
        """The bytes are there, and nobody has written to them; then they outlive a power cut from here on. Another process
        may have put them in place a moment ago, with its folders not synced yet; the bytes were synced before that."""
        found = _status(self.path(key))
        if found is None or found.st_size != size or not is_sealed(found, self.path(key).name):
            return False
        folder = self.path(key).parent
        self._make_folder(folder)
        sync_folder(folder)
        return True

    def _make_folder(self, folder: Path) -> None:
        """Makes `folder` and syncs every parent's entry for it, once a process: a folder that is there may have been
        made by another process a moment ago, and a blob's name outlives a power cut only if its folders do."""
        if folder in self._durable_folders:
            if folder.is_dir():
                return
            self._durable_folders.clear()  # somebody removed folders under us
        folder.mkdir(parents=True, exist_ok=True)
        while folder != self._root and folder not in self._durable_folders:
            sync_folder(folder.parent)
            if len(self._durable_folders) < _FOLDERS_REMEMBERED_MAX:
                self._durable_folders.add(folder)
            folder = folder.parent


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise translate(error) from error


def _read(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    """Less than asked for where the file ends. Raises OSError."""
    while start < end and (piece := os.pread(descriptor, min(_PIECE, end - start), start)):
        start += len(piece)
        yield piece


def _raise(error: OSError) -> None:
    """A folder that went away while we looked holds no keys; one that cannot be read is a fault."""
    if not isinstance(error, FileNotFoundError):
        raise translate(error) from error
