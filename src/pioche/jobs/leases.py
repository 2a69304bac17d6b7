"""What only one process at a time may do, wherever it runs: a row says who does it, and until when unless renewed.

A process that dies loses what it held when the time is up, or as soon as another sees that it is gone. Whoever works
long asks `Held.check` before each step that would do harm if another had begun meanwhile.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import Conflict, Failure, Unavailable
from pioche.jobs import holders
from pioche.observe import log

COLLECTION = "collection"
"""Held by whoever removes bytes, and by whoever needs that none are removed: gc, backup, moving the storage."""

_LEASE_MS = 60_000
_POLL_SECONDS = 0.2

_leases = schema.leases


class Busy(Conflict):
    """Another process is at it."""


class Lost(Unavailable):
    """The lease ran out before it was renewed: another process may have begun."""


class Held:
    """A lease that is ours and is being renewed."""

    def __init__(self, database: Database, name: str, holder: str, lease_ms: int) -> None:
        self.name = name
        self._database = database
        self._holder = holder
        self._lease_ms = lease_ms
        self._until = time.monotonic() + lease_ms / 1000
        self._released = threading.Event()
        self._renewer = threading.Thread(target=self._renew_until_released, name=f"lease-{name}", daemon=True)
        self._renewer.start()

    def check(self) -> None:
        """Raises Lost."""
        if time.monotonic() >= self._until:
            raise Lost(f"The lease {self.name!r} ran out while it was needed: run the command again")

    def _renew_until_released(self) -> None:
        while not self._released.wait(self._lease_ms / 4000):
            began = time.monotonic()
            try:
                if not self._renew():
                    self._until = 0.0
                    return
            except Failure as error:
                log.fault("lease not renewed", error, name=self.name)
                continue
            self._until = began + self._lease_ms / 1000

    def _renew(self) -> bool:
        with self._database.write() as connection:
            ours = _leases.c.name == self.name, _leases.c.holder == self._holder
            values = {"until": now_ms() + self._lease_ms}
            renewed = connection.execute(_leases.update().where(*ours).values(values).returning(_leases.c.name))
            return renewed.first() is not None

    def release(self) -> None:
        """Idempotent."""
        self._released.set()
        self._renewer.join()
        with self._database.write() as connection:
            connection.execute(_leases.delete().where(_leases.c.name == self.name, _leases.c.holder == self._holder))


@contextmanager
def held(
    database: Database, name: str, what: str, *, wait_seconds: float = 0, lease_ms: int = _LEASE_MS
) -> Iterator[Held]:
    """The lease `name` while the block runs; `what` tells others who has it. Raises Busy when somebody has it for
    longer than `wait_seconds`."""
    holder = holders.new()
    deadline = time.monotonic() + wait_seconds
    while (other := _take(database, name, holder, f"{what} on {socket.gethostname()} ({os.getpid()})", lease_ms)) != "":
        if time.monotonic() >= deadline:
            raise Busy(f"Not now: {other} is at work")
        time.sleep(_POLL_SECONDS)
    lease = Held(database, name, holder, lease_ms)
    try:
        yield lease
    finally:
        lease.release()


def _take(database: Database, name: str, holder: str, what: str, lease_ms: int) -> str:
    """Takes the lease and answers ""; or says who has it."""
    now = now_ms()
    values = {"holder": holder, "what": what, "until": now + lease_ms}
    with database.write() as connection:
        connection.execute(_leases.delete().where(_leases.c.name == name, _leases.c.until < now))
        left = connection.execute(sa.select(_leases.c.holder).where(_leases.c.name == name)).scalar()
        if left is not None and holders.is_gone(left):
            connection.execute(_leases.delete().where(_leases.c.name == name, _leases.c.holder == left))
        mine = insert_if_absent(connection, _leases).values(name=name, **values).returning(_leases.c.name)
        if connection.execute(mine).first() is not None:
            return ""
        other = connection.execute(sa.select(_leases.c.what).where(_leases.c.name == name)).scalar()
    # On PostgreSQL whoever had it may have given it back between the two statements: then it is free, so once more.
    return other or _take(database, name, holder, what, lease_ms)
