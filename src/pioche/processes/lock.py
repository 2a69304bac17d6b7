"""One hub a data folder (scenario B8), or several nodes over one PostgreSQL database that share it (scenario C10).

With SQLite the lock is exclusive: two hubs would sweep away what the other receives, and the database is one machine's.
With PostgreSQL it is exclusive only while a node starts; then it is shared with every node that has the same database.
"""

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from pioche.config import Config
from pioche.errors import ConfigError

_LEFTOVER_SECONDS = 10
_STARTING_SECONDS = 600
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Lock:
    """Held until every process that has the descriptor is gone: hand it to all children.

    `is_alone`: nobody else uses the folder now, so that what lies in `incoming/` is nobody's.
    """

    descriptor: int
    is_alone: bool
    _is_shared: bool

    def started(self) -> None:
        """The folder is ready: other nodes of the same database may come."""
        if self._is_shared:
            fcntl.flock(self.descriptor, fcntl.LOCK_SH)


def hold(config: Config) -> Lock:
    """Locks the data folder. Raises ConfigError when another hub runs here.

    Children of one that was killed are waited for: they are dying. A node of the same database that is starting too.
    """
    path, name = config.data_dir / "pioche.lock", _database_name(config)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ConfigError("data_dir", f"{path} cannot be written: {error.strerror}") from None
    began = time.monotonic()
    while not _locked(descriptor, fcntl.LOCK_EX):
        holder, holders_name = _holder(descriptor)
        is_ours = not config.database_is_sqlite and holders_name == name
        if is_ours and _locked(descriptor, fcntl.LOCK_SH):
            return Lock(descriptor, is_alone=False, _is_shared=True)
        patience = _STARTING_SECONDS if is_ours else 0 if _lives(holder) else _LEFTOVER_SECONDS
        if time.monotonic() > began + patience:
            os.close(descriptor)
            raise ConfigError("data_dir", f"{config.data_dir} is in use by another Pioche (process {holder})")
        time.sleep(_POLL_SECONDS)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n{name}\n".encode(), 0)
    return Lock(descriptor, is_alone=True, _is_shared=not config.database_is_sqlite)


def holder(config: Config) -> int | None:
    """The process that runs the hub of this data folder; None when none does. 0: it cannot be told which."""
    try:
        descriptor = os.open(config.data_dir / "pioche.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if _locked(descriptor, fcntl.LOCK_EX) else _holder(descriptor)[0]
    finally:
        os.close(descriptor)


def _database_name(config: Config) -> str:
    """Says which database without saying how to get in."""
    if config.database_is_sqlite:
        return "sqlite"
    url = urlsplit(config.database_url)
    place = (url.hostname, url.port or 5432, url.path, parse_qs(url.query).get("host"))
    return hashlib.sha256(repr(place).encode()).hexdigest()[:16]


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> tuple[int, str]:
    """The process that locked the folder alone the last time, and its database."""
    process, _, name = os.pread(descriptor, 64, 0).decode("ascii", "replace").partition("\n")
    return (int(process) if process.strip().isdigit() else 0), name.strip()


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
def held(config: Config) -> Iterator[None]:
    """As `hold`, for a command that must not work beside a hub, of whatever database. Raises ConfigError."""
    lock = hold(config)
    try:
        if not lock.is_alone:
            raise ConfigError("data_dir", f"{config.data_dir} is in use by a running Pioche: stop it first")
        yield
    finally:
        os.close(lock.descriptor)
