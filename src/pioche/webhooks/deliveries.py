"""Deliveries as rows: waiting, then delivered or failed. What was told, for its owner's eyes, until it is pruned."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms
from pioche.errors import NotFound, TooManyRequests
from pioche.jobs import queue
from pioche.repos.access import Access
from pioche.webhooks import readers

SEND = "webhook.send"
"""The kind of job that posts what waits for one webhook; its key is the webhook's row id."""
DAY_MS = 86_400_000
TRIGGERS_MAX = 1000
"""Deliveries of one webhook in 24 hours, as on the public Hub. What happens beyond is not told."""
_KEPT_DAYS = 30
_KEPT = 1000

_deliveries, _repos = schema.webhook_deliveries, schema.repos


class State(StrEnum):
    """How far a delivery is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """`uid` tells the receiver what it has seen before. `status` and `answer` are of the last attempt: what the other side
    said, or, without a status, why nothing was heard of it. Times are Unix milliseconds."""

    id: int
    uid: str
    webhook_id: int
    payload: str
    state: State
    attempts: int
    status: int | None
    answer: str | None
    created_at: int
    sent_at: int | None

    @property
    def about(self) -> "About":
        """What the payload says of itself."""
        return msgspec.json.decode(self.payload, type=About)


class _What(msgspec.Struct, frozen=True):
    action: str
    scope: str


class _Repo(msgspec.Struct, frozen=True):
    id: str
    type: str
    name: str
    private: bool


class About(msgspec.Struct, frozen=True):
    """The part of a payload that says what it is about."""

    event: _What
    repo: _Repo


def add(connection: sa.Connection, webhook_id: int, payload: bytes, event_id: int | None) -> str | None:
    """A delivery that waits, with the job that sends it; gives its uid. None when the webhook was told enough today. The
    same event is added once."""
    if today(connection, webhook_id) >= TRIGGERS_MAX:
        return None
    uid = new_uid()
    row = {
        "uid": uid, "webhook_id": webhook_id, "event_id": event_id, "payload": payload.decode(),
        "state": State.WAITING, "attempts": 0, "created_at": now_ms(),
    }  # fmt: skip
    connection.execute(insert_if_absent(connection, _deliveries).values(row))
    queue.enqueue(connection, SEND, str(webhook_id))
    return uid


def today(connection: sa.Connection, webhook_id: int) -> int:
    """How often a webhook was told something in the last 24 hours."""
    recent = (_deliveries.c.webhook_id == webhook_id) & (_deliveries.c.created_at > now_ms() - DAY_MS)
    return connection.execute(sa.select(sa.func.count()).where(recent)).scalar_one()


class History:
    """What webhooks were told. Whoever asks has shown that the webhook is theirs (`registry.Webhooks.get`)."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._database: Database = access.stores.database

    def of(self, webhook_id: int, owner_id: int, *, before: int | None = None, limit: int = 50) -> list[Delivery]:
        """The newest first, from before the row `before` on. What was told of a private repo that the owner may not read
        any more is left out."""
        query = sa.select(_deliveries).where(_deliveries.c.webhook_id == webhook_id)
        if before is not None:
            query = query.where(_deliveries.c.id < before)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(_deliveries.c.id.desc()).limit(limit)).all()
        seen: dict[str, bool] = {}
        return [one for one in map(delivery, rows) if self._may_see(one, owner_id, seen)]

    def get(self, webhook_id: int, owner_id: int, uid: str) -> Delivery:
        """Raises NotFound, also for what the owner may not read any more."""
        where = (_deliveries.c.webhook_id == webhook_id) & (_deliveries.c.uid == uid)
        with self._database.read() as connection:
            row = connection.execute(sa.select(_deliveries).where(where)).first()
        if row is None or not self._may_see(found := delivery(row), owner_id, {}):
            raise NotFound("There is no such delivery")
        return found

    def today(self, webhook_id: int) -> int:
        """How often it was told something in the last 24 hours, of TRIGGERS_MAX times."""
        with self._database.read() as connection:
            return today(connection, webhook_id)

    def replay(self, webhook_id: int, owner_id: int, uid: str) -> str:
        """The same payload once more, as a delivery of its own; gives its uid. Raises NotFound, TooManyRequests."""
        found = self.get(webhook_id, owner_id, uid)
        with self._database.write() as connection:
            added = add(connection, webhook_id, found.payload.encode(), None)
        if added is None:
            raise TooManyRequests(f"This webhook was triggered {TRIGGERS_MAX} times in 24 hours: wait a while")
        return added

    def _may_see(self, one: Delivery, owner_id: int, seen: dict[str, bool]) -> bool:
        repo = one.about.repo
        if not repo.private:  # anybody could know it then
            return True
        if repo.id not in seen:
            with self._database.read() as connection:
                row_id = connection.execute(sa.select(_repos.c.id).where(_repos.c.uid == repo.id)).scalar()
            seen[repo.id] = row_id is not None and readers.may_read(self._access, owner_id, row_id)
        return seen[repo.id]


def delivery(row: "sa.Row[Any]") -> Delivery:
    """Of a whole row."""
    return Delivery(
        row.id, row.uid, row.webhook_id, row.payload, State(row.state), row.attempts, row.status, row.answer,
        row.created_at, row.sent_at,
    )  # fmt: skip


class PruneDeliveries:
    """Removes what is older than 30 days, and all but the newest 1,000 of each webhook."""

    kind = "webhooks.prune"
    attempts_max = 3
    every_seconds: int | None = 3600

    def __init__(self, database: Database) -> None:
        self._database = database

    def run(self, key: str, payload: dict[str, Any]) -> None:
        old = _deliveries.c.created_at < now_ms() - _KEPT_DAYS * DAY_MS
        many = sa.select(_deliveries.c.webhook_id).group_by(_deliveries.c.webhook_id).having(sa.func.count() > _KEPT)
        with self._database.write() as connection:
            connection.execute(_deliveries.delete().where(old))
            for webhook_id in connection.execute(many).scalars().all():
                own = _deliveries.c.webhook_id == webhook_id
                newest = sa.select(_deliveries.c.id).where(own).order_by(_deliveries.c.id.desc()).offset(_KEPT - 1)
                last = connection.execute(newest.limit(1)).scalar_one()
                connection.execute(_deliveries.delete().where(own, _deliveries.c.id < last))
