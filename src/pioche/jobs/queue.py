"""Jobs as rows: waiting, then running under a lease, then gone; or failed, after too many attempts.

A job is put in by the transaction of the change that makes it necessary. There is at most one waiting job of a kind
and key, so that putting it in again is harmless; a job that is running does not count, since it may have looked
already. A lease that is not renewed ends (its process died), and the job is run again: so jobs are idempotent.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import now_ms

_ERROR_CHARACTERS_MAX = 2000
_NEVER = 2**62

_jobs = schema.jobs


@dataclass(frozen=True, slots=True)
class Lease:
    """One attempt at one job. `attempt` counts from 1 and is also what proves that the lease is still ours."""

    id: int
    kind: str
    key: str
    payload: dict[str, Any]
    attempt: int


def enqueue(
    connection: sa.Connection, kind: str, key: str = "", payload: dict[str, Any] | None = None, *, delay_ms: int = 0
) -> None:
    """Puts a job in, in the transaction of `connection`. The same kind and key is the same work."""
    now = now_ms()
    values = {
        "kind": kind,
        "key": key,
        "payload": msgspec.json.encode(payload or {}).decode(),
        "state": "waiting",
        "attempts": 0,
        "run_at": now + delay_ms,
        "created_at": now,
    }
    connection.execute(insert_if_absent(connection, _jobs).values(values))


class Queue:
    """Jobs of one database. Several processes may lease from it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lease(self, kinds: Collection[str], *, lease_ms: int) -> Lease | None:
        """The job of these kinds that has been due longest, now running for `lease_ms`; None when none is due."""
        now = now_ms()
        due = _due(kinds, now)
        with self._database.read() as connection:  # most polls find nothing, and need not wait for the only writer
            if connection.execute(due).first() is None:
                return None
        with self._database.write() as connection:
            row = connection.execute(due.with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            values = {"state": "running", "attempts": row.attempts + 1, "leased_until": now + lease_ms}
            connection.execute(_jobs.update().where(_jobs.c.id == row.id).values(values))
        payload = msgspec.json.decode(row.payload, type=dict[str, Any])
        return Lease(row.id, row.kind, row.key, payload, row.attempts + 1)

    def next_due(self, kinds: Collection[str]) -> int:
        """When a job of these kinds is due unless anything changes, in ms since the epoch."""
        due_at = sa.case((_jobs.c.state == "waiting", _jobs.c.run_at), else_=_jobs.c.leased_until)
        query = sa.select(sa.func.min(due_at)).where(_jobs.c.kind.in_(sorted(kinds)), _jobs.c.state != "failed")
        with self._database.read() as connection:
            found: int | None = connection.execute(query).scalar()
        return _NEVER if found is None else found

    def renew(self, lease: Lease, *, lease_ms: int) -> bool:
        """False when the lease ended and the job is somebody else's now."""
        with self._database.write() as connection:
            renewed = connection.execute(_held(lease).values(leased_until=now_ms() + lease_ms))
            return renewed.rowcount == 1

    def finish(self, lease: Lease) -> None:
        """The job is done and its row goes. Without effect when the lease has ended."""
        with self._database.write() as connection:
            connection.execute(_jobs.delete().where(*_is_held(lease)))

    def retry(self, lease: Lease, error: str, *, delay_ms: int) -> None:
        """Waits for another attempt; where the same work was put in meanwhile, that one stands for both."""
        self._wait(lease, run_at=now_ms() + delay_ms, error=error[:_ERROR_CHARACTERS_MAX])

    def put_back(self, lease: Lease) -> None:
        """As `retry` at once, and as if this attempt had not been."""
        self._wait(lease, attempts=lease.attempt - 1)

    def _wait(self, lease: Lease, **values: Any) -> None:
        with self._database.write() as connection:
            if _twin_waits(connection, lease):
                connection.execute(_jobs.delete().where(*_is_held(lease)))
                return
            connection.execute(_held(lease).values(state="waiting", leased_until=None, **values))

    def fail(self, lease: Lease, error: str) -> None:
        """Gives up. The row stays, for the administrator."""
        with self._database.write() as connection:
            values = {"state": "failed", "leased_until": None, "error": error[:_ERROR_CHARACTERS_MAX]}
            connection.execute(_held(lease).values(values))

    def counts(self) -> dict[tuple[str, str], int]:
        """How many jobs there are, by kind and state."""
        query = sa.select(_jobs.c.kind, _jobs.c.state, sa.func.count()).group_by(_jobs.c.kind, _jobs.c.state)
        with self._database.read() as connection:
            return {(kind, state): count for kind, state, count in connection.execute(query)}


def _due(kinds: Collection[str], now: int) -> "sa.Select[Any]":
    waiting = sa.and_(_jobs.c.state == "waiting", _jobs.c.run_at <= now)
    abandoned = sa.and_(_jobs.c.state == "running", _jobs.c.leased_until < now)
    columns = (_jobs.c.id, _jobs.c.kind, _jobs.c.key, _jobs.c.payload, _jobs.c.attempts)
    query = sa.select(*columns).where(_jobs.c.kind.in_(sorted(kinds)), sa.or_(waiting, abandoned))
    return query.order_by(_jobs.c.run_at, _jobs.c.id).limit(1)


def _is_held(lease: Lease) -> tuple[sa.ColumnElement[bool], ...]:
    return _jobs.c.id == lease.id, _jobs.c.state == "running", _jobs.c.attempts == lease.attempt


def _held(lease: Lease) -> sa.Update:
    return _jobs.update().where(*_is_held(lease))


def _twin_waits(connection: sa.Connection, lease: Lease) -> bool:
    same = (_jobs.c.kind == lease.kind, _jobs.c.key == lease.key, _jobs.c.state == "waiting")
    return connection.execute(sa.select(_jobs.c.id).where(*same)).first() is not None
