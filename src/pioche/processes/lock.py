"""One hub a data folder (scenario B8)."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from pioche.errors import ConfigError

_LEFTOVER_SECONDS = 10
_POLL_SECONDS = 0.05


def hold(data_dir: Path) -> int:
    """Locks the folder until every process that has the returned descriptor is gone: hand it to all children.

    Raises ConfigError when another hub runs here. Children of one that was killed are waited for: they are dying.
    """
    descriptor = os.open(data_dir / "pioche.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + _LEFTOVER_SECONDS
    while not _locked(descriptor):
        holder = _holder(descriptor)
        if _lives(holder) or time.monotonic() > deadline:
            os.close(descriptor)
            raise ConfigError("data_dir", f"{data_dir} is in use by another Pioche (process {holder})")
        time.sleep(_POLL_SECONDS)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else 0


def _lives(process: int) -> bool:
    if process == 0:
        return False
    with contextlib.suppress(PermissionError):  # it is there, and somebody else's
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True


@contextlib.contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """As `hold`, for a command that must not work beside a hub."""
    descriptor = hold(data_dir)
    try:
        yield
    finally:
        os.close(descriptor)
