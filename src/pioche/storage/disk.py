"""What the local disk promises and how it fails, in our words. Nothing here knows what the files mean."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pioche.errors import OutOfSpace, Unavailable

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_FAILING = frozenset(
    (errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT, errno.ENODEV)
)
_RESERVE_SHARE = 20
"""The reserve is at most one part in so many of the disk: a small disk must not be all reserve."""


def sync_file(path: Path) -> None:
    """The bytes of a file outlive a power cut from here on."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """So do the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class OpenFile:
    """A file held open for reading: its bytes stay readable whatever becomes of its name. Closed with the last reference.

    `status`, `size` in bytes and `modified_at` in Unix seconds are as they were when it was opened.
    """

    __slots__ = ("descriptor", "modified_at", "size", "status")

    def __init__(self, descriptor: int) -> None:
        """Takes the descriptor over."""
        self.descriptor = descriptor
        self.status = os.fstat(descriptor)
        self.size = self.status.st_size
        self.modified_at = self.status.st_mtime

    def __del__(self) -> None:
        os.close(self.descriptor)

    @property
    def is_unchanged(self) -> bool:
        """Whether nobody has written to the file, renamed or deleted it since it was opened."""
        now, then = os.fstat(self.descriptor), self.status
        return now.st_ctime_ns == then.st_ctime_ns and now.st_nlink == then.st_nlink and now.st_size == self.size


def open_file(path: Path) -> OpenFile | None:
    """None when there is no such file."""
    try:
        return OpenFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise translate(error) from error


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the operating system leave the block as Unavailable or OutOfSpace."""
    try:
        yield
    except OSError as error:
        raise translate(error) from error


def translate(error: OSError) -> Unavailable | OutOfSpace:
    """The operating system's words in ours; no path of the server in them."""
    if error.errno in _FULL:
        return OutOfSpace("The disk of this server is full: nothing was stored")
    if error.errno == errno.EROFS:
        return Unavailable("The disk of this server can only be read at this time: nothing was stored")
    return Unavailable(f"The disk does not answer: {error.strerror}")


def is_fault(error: OSError) -> bool:
    """Whether the machine failed, wherever that came up; any other OSError is a mistake in our code."""
    return error.errno in _FULL or error.errno in _FAILING


class Room:
    """What incoming bytes leave free: with it the database can still write, and collecting garbage still works, when
    uploads have filled the disk."""

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        self._folder = folder
        self._reserve = reserve_bytes

    def check(self) -> None:
        """A microsecond; blocking where the disk is. Raises OutOfSpace when the reserve is all that is left."""
        with translated():
            found = os.statvfs(self._folder)
        reserve = min(self._reserve, found.f_blocks * found.f_frsize // _RESERVE_SHARE)
        if found.f_bavail * found.f_frsize < reserve:
            raise OutOfSpace("The disk of this server is full: nothing was stored")
