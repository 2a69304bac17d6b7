"""The seal of a stored file: its time of modification, which says that nobody has written to it since it was verified.

Hashing a file on every read would cost more than sending it. So whoever has verified the bytes puts a mark that follows
from the file's name and size into the nanoseconds of that time; any write, by any program, breaks it. A file whose seal
is broken (or was never made, or got lost on a file system that keeps no nanoseconds) is hashed before a byte of it is
served. What changes on the medium itself, below the file system, is for the scrub to find: docs/decisions/0011-seals.md.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pioche.errors import Corrupt
from pioche.observe import log
from pioche.storage.disk import OpenFile, pieces

_SECOND = 1_000_000_000
_MILLISECOND = 1_000_000
_REMEMBERED_MAX = 100_000

_Identity = tuple[int, int, int, int, int]


def seal(file: int | Path, name: str) -> None:
    """Marks a file whose bytes were just found to be what `name` says, at its own time of modification, in seconds.
    Raises OSError."""
    status = os.stat(file)
    seconds = status.st_mtime_ns // _SECOND
    os.utime(file, ns=(status.st_atime_ns, seconds * _SECOND + _mark(name, status.st_size, seconds)))


def seal_used(file: int | Path, name: str) -> None:
    """As `seal`, at this moment: for files whose time says when they were last used. Raises OSError."""
    os.utime(file)
    seal(file, name)


def is_sealed(status: os.stat_result, name: str) -> bool:
    seconds, mark = divmod(status.st_mtime_ns, _SECOND)
    return mark == _mark(name, status.st_size, seconds)


def is_broken(status: os.stat_result, name: str) -> bool:
    """As `not is_sealed`, but where the file system keeps no nanoseconds, which tells nothing."""
    return not is_sealed(status, name) and status.st_mtime_ns % _MILLISECOND != 0


def _mark(name: str, size: int, seconds: int) -> int:
    digest = hashlib.blake2b(f"{name} {size} {seconds}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % _SECOND


class Verdicts:
    """What this process found out about files whose seal tells nothing. Safe in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[_Identity, bool] = OrderedDict()

    def is_known_whole(self, file: OpenFile, name: str) -> bool:
        """At a glance, for the event loop. Raises Corrupt when it is known to be damaged."""
        if is_sealed(file.status, name):
            return True
        verdict = self._found.get(_identity(file.status))
        if verdict is False:
            raise _damaged(name)
        return verdict is True

    def check(self, file: OpenFile, name: str, is_true: Callable[[OpenFile, str], bool]) -> None:
        """As `is_known_whole`, and reads the file when that cannot tell: about a second a gigabyte. Raises Corrupt."""
        if self.is_known_whole(file, name):
            return
        verdict = is_true(file, name)
        with self._lock:
            self._found[_identity(file.status)] = verdict
            if len(self._found) > _REMEMBERED_MAX:
                self._found.popitem(last=False)
        if not verdict:
            log.warning("stored file damaged", name=name)
            raise _damaged(name)
        # Not where it can only be read, and not when it was written to meanwhile.
        with suppress(OSError):
            if _identity(os.fstat(file.descriptor)) == _identity(file.status):
                seal(file.descriptor, name)


def has_sha256(file: OpenFile, name: str) -> bool:
    """Whether the bytes are those of the blob `name`. Raises Unavailable."""
    digest = hashlib.sha256()
    for piece in pieces(file):
        digest.update(piece)
    return digest.hexdigest() == name


def _identity(status: os.stat_result) -> _Identity:
    """Another file, or the same after somebody wrote to it, has another one."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _damaged(name: str) -> Corrupt:
    return Corrupt(f"The stored file {name} is damaged: sending the same file again mends it")
