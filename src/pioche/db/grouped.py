"""Writers of one process that meet at SQLite's only write lock: those who wait join the transaction that is open, and one
sync of the log makes all of them durable (group commit). PostgreSQL does this by itself.

Each member's changes are its own: when it raises, they alone are undone, by a savepoint. Nobody is told of success before
the commit that holds their changes; when that fails, all members fail.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

_MEMBERS_MAX = 16
_SECONDS_MAX = 0.02  # other processes wait for the lock meanwhile, and the first member for its answer


class _Group:
    """One transaction that is open, and whoever has written in it."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.transaction = connection.begin()
        self.members = 0
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self._began_at = time.monotonic()

    @property
    def is_open_to_others(self) -> bool:
        return self.members < _MEMBERS_MAX and time.monotonic() - self._began_at < _SECONDS_MAX

    @property
    def is_broken(self) -> bool:
        """SQLite ends a transaction by itself when the disk fails or is full."""
        driver: Any = self.connection.connection.dbapi_connection
        return driver is None or not driver.in_transaction


class GroupedWrites:
    """`engine` begins a write transaction for connections that have the execution option `pioche_write`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._waiting = 0
        self._group: _Group | None = None

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One writer's changes: durable when the block ends, undone when it raises. Driver errors pass as they are."""
        with self._taking_turns():
            group, self._group = self._group or self._begin(), None
            try:
                with _member(group):
                    yield group.connection
                group.members += 1
            except BaseException as error:
                self._leave(group, error)
                raise
            self._leave(group, None)
        group.ended.wait()
        if group.error is not None:
            raise group.error

    @contextmanager
    def _taking_turns(self) -> Iterator[None]:
        with self._counting:
            self._waiting += 1
        with self._turn:
            with self._counting:
                self._waiting -= 1
            yield

    def _begin(self) -> _Group:
        connection = self._engine.connect().execution_options(pioche_write=True)
        try:
            return _Group(connection)
        except BaseException:
            connection.close()
            raise

    def _leave(self, group: _Group, error: BaseException | None) -> None:
        """Whoever waits takes the open transaction over; the last one ends it."""
        if group.is_broken or group.members == 0:
            self._end(group, error)
        elif self._waiting and group.is_open_to_others:
            self._group = group
        else:
            self._commit(group)

    def _commit(self, group: _Group) -> None:
        try:
            group.transaction.commit()
        except BaseException as failure:  # noqa: BLE001 - every member raises it
            group.connection.invalidate()  # the driver's transaction may still be open: nobody else may get it
            self._end(group, failure)
        else:
            self._end(group, None)

    @staticmethod
    def _end(group: _Group, error: BaseException | None) -> None:
        group.error = error
        try:
            group.connection.close()  # which rolls back what was not committed
        finally:
            group.ended.set()


@contextmanager
def _member(group: _Group) -> Iterator[None]:
    """The first member is the whole transaction and needs no savepoint."""
    if group.members == 0:
        yield
        return
    group.connection.exec_driver_sql("SAVEPOINT member")
    try:
        yield
    except BaseException:
        if not group.is_broken:
            group.connection.exec_driver_sql("ROLLBACK TO member")
            group.connection.exec_driver_sql("RELEASE member")
        raise
    group.connection.exec_driver_sql("RELEASE member")
