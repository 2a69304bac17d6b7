"""Events: appended in the transaction of the change, delivered after its commit, in order and at least once.

On PostgreSQL a bare sequence is no order: a row of a transaction that commits late has a number that readers have
passed already. So a row carries its transaction (`txid`), readers stop at the horizon below which every transaction
has ended (`pg_snapshot_xmin`), and a position is (txid, id). SQLite has one writer: there txid is 0 and id is order.
Transactions that ran at the same time are in the order in which they began to write; whoever needs to know how a change
ended reads the tables, not the order of events.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import HubError
from pioche.events import BatchConsumer, Consumer, Event
from pioche.jobs.quiet import Quiet
from pioche.observe import log, metrics

Position = tuple[int, int]
"""(txid, id) of an event."""

_START: Position = (-1, 0)
BATCH = 200
"""The most that a consumer is given at once."""
KEPT_MS = 7 * 86_400_000
"""For how long at least an event can be read again."""

_events, _cursors = schema.events, schema.event_cursors

# Made once: making a statement takes longer than running it.
_GIVEN: dict[str, Any] = {name: sa.bindparam(name) for name in ("kind", "repo_id", "actor_id", "payload", "at")}
_APPEND = _events.insert().values(**_GIVEN, txid=0)
_APPEND_POSTGRES = _events.insert().values(**_GIVEN, txid=sa.text("pg_current_xact_id()::text::bigint"))


def append(connection: sa.Connection, event: Event) -> None:
    """Stores the event in the transaction of `connection`: rolled back, it never happened."""
    values = {
        "kind": event.kind,
        "repo_id": event.repo_id,
        "actor_id": event.actor_id,
        "payload": msgspec.json.encode(event.payload).decode(),
        "at": event.at or now_ms(),
    }
    connection.execute(_APPEND_POSTGRES if connection.dialect.name == "postgresql" else _APPEND, values)


class Dispatcher:
    """Hands events to consumers, each at its own pace: one that fails is tried again and holds nobody else up."""

    def __init__(self, database: Database, consumers: Sequence[Consumer | BatchConsumer]) -> None:
        self._database = database
        self._consumers = consumers
        self._quiet = Quiet(database)

    def step(self) -> int:
        """Delivers what is waiting, at most a batch for each consumer; returns the number of events delivered."""
        if self._quiet.lasts():
            return 0
        self._quiet.begin()
        try:
            return sum(self._deliver(consumer) for consumer in self._consumers)
        except HubError:
            self._quiet.end()
            raise

    def prune(self, *, older_than_ms: int = KEPT_MS) -> int:
        """Removes events that every consumer has passed and that are old; returns how many."""
        with self._database.write() as connection:
            passed = min((_position(connection, consumer.name) for consumer in self._consumers), default=None)
            query = _events.delete().where(_events.c.at < now_ms() - older_than_ms)
            if passed is not None:
                query = query.where(sa.not_(_after(passed)))
            return connection.execute(query).rowcount

    def _deliver(self, consumer: Consumer | BatchConsumer) -> int:
        with self._database.read() as connection:
            start = _position(connection, consumer.name)
            rows = connection.execute(_waiting(connection, start)).all()
        delivered = _handled(consumer, [_event(row) for row in rows])
        if delivered < len(rows):
            self._quiet.end()
        if delivered:
            last = rows[delivered - 1]
            self._advance(consumer.name, (last.txid, last.id))
            metrics.events(consumer.name, delivered)
        return delivered

    def _advance(self, name: str, position: Position) -> None:
        """Never back: two dispatchers may run for a moment when processes change over."""
        txid, event_id = position
        with self._database.write() as connection:
            row = {"consumer": name, "txid": -1, "event_id": 0}
            connection.execute(insert_if_absent(connection, _cursors).values(row))
            earlier = sa.tuple_(_cursors.c.txid, _cursors.c.event_id) < sa.tuple_(
                sa.literal(txid), sa.literal(event_id)
            )
            move = _cursors.update().where(_cursors.c.consumer == name, earlier)
            connection.execute(move.values(txid=txid, event_id=event_id))


def _handled(consumer: Consumer | BatchConsumer, events: Sequence[Event]) -> int:
    """How many the consumer has taken, from the first on."""
    taken = 0
    try:
        if isinstance(consumer, BatchConsumer):
            consumer.handle_all(events)
            return len(events)
        for event in events:
            consumer.handle(event)
            taken += 1
    except Exception as error:  # noqa: BLE001 - a consumer's fault, whatever it is, must not stop the others
        failed = events[taken]
        log.fault("event not handled", error, consumer=consumer.name, event_id=failed.id, kind=failed.kind)
    return taken


def _position(connection: sa.Connection, name: str) -> Position:
    """Where a consumer stands; a new one begins with the oldest event there is."""
    row = connection.execute(sa.select(_cursors.c.txid, _cursors.c.event_id).where(_cursors.c.consumer == name)).first()
    return _START if row is None else (row.txid, row.event_id)


def _after(position: Position) -> sa.ColumnElement[bool]:
    txid, event_id = position
    return sa.tuple_(_events.c.txid, _events.c.id) > sa.tuple_(sa.literal(txid), sa.literal(event_id))


def _waiting(connection: sa.Connection, start: Position) -> "sa.Select[Any]":
    query = sa.select(_events).where(_after(start)).order_by(_events.c.txid, _events.c.id).limit(BATCH)
    if connection.dialect.name == "postgresql":
        horizon = sa.literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", sa.BigInteger)
        query = query.where(_events.c.txid < horizon)
    return query


def _event(row: "sa.Row[Any]") -> Event:
    payload = msgspec.json.decode(row.payload, type=dict[str, Any])
    return Event(row.kind, row.repo_id, row.actor_id, payload, at=row.at, id=row.id)
