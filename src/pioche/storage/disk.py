"""What the local disk promises and how it fails, in our words. Nothing here knows what the files mean."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pioche.errors import OutOfSpace, Unavailable


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


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the operating system leave the block as Unavailable or OutOfSpace."""
    try:
        yield
    except OSError as error:
        raise translate(error) from error


def translate(error: OSError) -> Unavailable | OutOfSpace:
    """The operating system's words in ours; no path of the server in them."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutOfSpace("The disk is full: nothing was stored")
    return Unavailable(f"The disk does not answer: {error.strerror}")
