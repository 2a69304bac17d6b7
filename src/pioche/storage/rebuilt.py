"""Files kept as chunks, put together again on the local disk: reading one the second time is reading a file.

    DATA/cache/files/<sha256>         whole and verified; what was read last longest ago goes first when there is no room
    DATA/cache/files/<sha256>.part    being put together by the process that has it locked

It is a cache: everything in it can be deleted at any time, and no failure here is a failure of a read, which then takes
the chunks. A file appears under its name only after its sha256 was found to be that name and its bytes were synced, so
neither a crash nor a power cut leaves a part of one to be served. Readers hold it open: deleting it does not cut them.
Processes on one machine meet in the folder: one of them rebuilds a file, and room is counted under one lock.
"""

import fcntl
import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pioche.errors import Corrupt, HubError, OutOfSpace, Unavailable
from pioche.names import Sha256
from pioche.observe import log
from pioche.storage.disk import OpenFile, open_file, translated
from pioche.storage.seals import is_broken, seal, seal_used

_PART = ".part"
_LOCK = ".lock"
_STAMP_SECONDS = 60
"""How exact the time of last use is."""
_ASKED_MAX = 10_000
_WAITING_MAX = 100
_LEFT_FREE = 20
"""The last twentieth of a disk is left to what cannot be made again."""

Pieces = Callable[[], Iterable[bytes]]
"""The raw bytes of one file, from its chunks."""


class Rebuilt:
    """The cache of one machine, in `folder`: files of at most `bytes_max` together; 0 is none."""

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._asked: OrderedDict[Sha256, int] = OrderedDict()
        self._waiting: OrderedDict[Sha256, tuple[int, Pieces]] = OrderedDict()
        self._works = False

    def open(self, sha256: Sha256, size: int) -> OpenFile | None:
        """The whole file, if it is here; it counts as used now."""
        if not self._bytes_max:
            return None
        with suppress(OutOfSpace, Unavailable):  # a folder that cannot be read, or takes no time of use: a cache less
            file = open_file(self._path(sha256))
            if file is not None and file.size == size and not is_broken(file.status, sha256):
                if file.modified_at < time.time() - _STAMP_SECONDS:
                    with translated():
                        seal_used(file.descriptor, sha256)
                return file
            if file is not None:
                self.discard(sha256)  # it was renamed into place whole: somebody was at the folder
        return None

    def asked(self, sha256: Sha256, size: int, count: int, pieces: Pieces) -> None:
        """Somebody reads `count` bytes of a file that is not here. Once that amounts to half of it, by one reader or by
        many with a range each, it is rebuilt in the background; one small range of a large file costs nothing more."""
        if not 0 < size <= self._bytes_max:
            return
        with self._lock:
            total = self._asked.pop(sha256, 0) + count
            if total * 2 < size:
                self._asked[sha256] = total
                if len(self._asked) > _ASKED_MAX:
                    self._asked.popitem(last=False)
                return
            if len(self._waiting) < _WAITING_MAX:
                self._waiting.setdefault(sha256, (size, pieces))
            if not self._works:
                # A daemon: the end of the process does not wait for a cache.
                threading.Thread(target=self._work, name="rebuild", daemon=True).start()
                self._works = True

    def build(self, sha256: Sha256, size: int, pieces: Pieces) -> bool:
        """Puts the file together now. True when it is here afterwards; False when another process is at it or there is
        no room. Raises Corrupt when the bytes are not what their name says, OutOfSpace, Unavailable."""
        with translated(), self._part(sha256) as part:
            if part is None:
                return False
            if self._path(sha256).exists():
                return True
            if not self._reserve(part, size):
                return False
            _fill(part, sha256, size, pieces())
            seal(part, sha256)
            os.fdatasync(part)
            self._path(sha256, _PART).replace(self._path(sha256))
            return True

    def discard(self, sha256: Sha256) -> None:
        """Idempotent. Those who read it may finish."""
        with translated():
            self._path(sha256).unlink(missing_ok=True)

    def _path(self, sha256: Sha256, suffix: str = "") -> Path:
        return self._folder / (sha256 + suffix)

    # --- in the background ---

    def _work(self) -> None:
        while (task := self._next()) is not None:
            sha256, size, pieces = task
            try:
                self.build(sha256, size, pieces)
            except OutOfSpace as error:
                log.warning("file not rebuilt", sha256=sha256, why=error.message)
            except HubError as error:
                log.fault("file not rebuilt", error, sha256=sha256)
            finally:
                with self._lock:
                    self._waiting.pop(sha256, None)

    def _next(self) -> tuple[Sha256, int, Pieces] | None:
        """The file that waits longest; it stays in the queue while it is being built, so that it is not queued twice."""
        with self._lock:
            for sha256, (size, pieces) in self._waiting.items():
                return sha256, size, pieces
            self._works = False
            return None

    # --- files and room ---

    @contextmanager
    def _part(self, sha256: Sha256) -> Iterator[int | None]:
        """A descriptor of the part file, locked: None when another process has it. What is left of it at the end goes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(sha256, _PART)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _is_ours(descriptor, path):
                yield None
                return
            try:
                yield descriptor
            finally:
                if _is_ours(descriptor, path):  # not renamed: after that the name may be another's part
                    path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def _reserve(self, part: int, size: int) -> bool:
        """Makes room for `size` bytes and takes it, by the length of the part file: two processes never take the same."""
        lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.ftruncate(part, 0)
            if not self._make_room(size):
                return False
            os.ftruncate(part, size)
            return True
        finally:
            os.close(lock)

    def _make_room(self, size: int) -> bool:
        kept = list[tuple[float, int, Path]]()
        total = 0
        for path in self._folder.iterdir():
            if path.suffix == _PART:
                _sweep(path)
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            total += status.st_size
            if not path.suffix and path.name != _LOCK:
                kept.append((status.st_mtime, status.st_size, path))
        for _, length, path in sorted(kept):
            if total + size <= self._bytes_max:
                break
            path.unlink(missing_ok=True)
            total -= length
        disk = os.statvfs(self._folder)
        is_free = (disk.f_bavail - disk.f_blocks // _LEFT_FREE) * disk.f_frsize >= size
        return is_free and total + size <= self._bytes_max


def _is_ours(descriptor: int, path: Path) -> bool:
    """Locks the open file unless another has it, or has meanwhile finished with it: then its name is another file's."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _sweep(part: Path) -> None:
    """Removes what a process left that died while it was building."""
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if _is_ours(descriptor, part):
            part.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _fill(descriptor: int, sha256: Sha256, size: int, pieces: Iterable[bytes]) -> None:
    """Raises Corrupt unless the pieces make up the file."""
    digest = hashlib.sha256()
    position = 0
    for piece in pieces:
        digest.update(piece)
        rest = memoryview(piece)
        while rest:
            written = os.pwrite(descriptor, rest, position)
            position += written
            rest = rest[written:]
    if position != size or digest.hexdigest() != sha256:
        raise Corrupt(f"The chunks of the file {sha256} make up other bytes")
