"""Who wants to be told what, and where. A webhook belongs to a user or an organisation, and is nobody else's business."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms
from pioche.errors import BadRequest, Conflict, InvalidName, NotFound
from pioche.events import Event
from pioche.jobs import outbox, queue
from pioche.names import RepoId, RepoType, parse_account_name
from pioche.outbound.targets import Guard, Target
from pioche.webhooks import deliveries

TARGETS_MAX = 100
WEBHOOKS_MAX = 50
"""Of one owner."""
_SECRET = re.compile(r"[!-~](?:[ -~]{0,254}[!-~])?\Z")

_webhooks, _targets = schema.webhooks, schema.webhook_targets


class Domain(StrEnum):
    """What a webhook is told about."""

    REPO = "repo"
    DISCUSSION = "discussion"


class Reason(StrEnum):
    """Why the hub disabled a webhook."""

    GONE = "gone"
    """The other side said that the address is gone for good (410)."""
    FAILING = "failing"
    """Nothing was delivered for a long time."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched, by name: it need not be there (yet). `kind`: user, org, model, dataset, space or bucket."""

    kind: str
    name: str

    @classmethod
    def parse(cls, kind: str, name: str) -> Self:
        """Raises BadRequest."""
        try:
            if kind in ("user", "org"):
                return cls(kind, parse_account_name(name))
            if kind in set(RepoType):
                return cls(kind, str(RepoId.parse(RepoType(kind), name)))
        except InvalidName as error:
            raise BadRequest(f'"watched" has a name that cannot be: {error.message}') from None
        raise BadRequest('"watched" has a type that is none of user, org, model, dataset, space, bucket')

    @property
    def key(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a webhook is to be; parsed, so that whatever holds one may be stored."""

    url: str
    watched: tuple[Watched, ...]
    domains: tuple[Domain, ...]
    secret: str | None

    @classmethod
    def parse(cls, url: str, watched: Sequence[Watched], domains: Sequence[str], secret: str | None) -> Self:
        """Raises BadRequest, and ForbiddenAddress for an address that would not be called."""
        kept = {(one.kind, one.key): one for one in watched}
        if not 0 < len(kept) <= TARGETS_MAX:
            raise BadRequest(f'"watched" must name 1 to {TARGETS_MAX} users, organizations or repos')
        if not domains or not set(domains) <= set(Domain):
            raise BadRequest('"domains" must be one or both of repo, discussion')
        if secret and not _SECRET.match(secret):
            raise BadRequest('"secret" must have 1 to 256 printable ASCII characters, with no blank at either end')
        Target.parse(url)
        return cls(url, tuple(kept.values()), tuple(domain for domain in Domain if domain in domains), secret or None)


@dataclass(frozen=True, slots=True)
class Webhook:
    """`uid` is its `id` on the wire. Times are Unix milliseconds. `disabled_reason` is None where its owner did it."""

    id: int
    uid: str
    owner_id: int
    wanted: Wanted
    disabled_at: int | None
    disabled_reason: Reason | None
    created_at: int


class Webhooks:
    """All webhooks. Every function takes the owner: another one's webhook is as one that does not exist. `actor_id` is who
    changes one of an organisation; one's own nobody else does."""

    def __init__(self, database: Database, guard: Guard) -> None:
        self._database = database
        self._guard = guard

    def of(self, owner_id: int) -> list[Webhook]:
        """The oldest first."""
        with self._database.read() as connection:
            return _fetch(connection, _webhooks.c.owner_id == owner_id)

    def get(self, owner_id: int, uid: str) -> Webhook:
        """Raises NotFound."""
        with self._database.read() as connection:
            return _get(connection, owner_id, uid)

    def create(self, owner_id: int, wanted: Wanted, actor_id: int | None = None) -> Webhook:
        """Raises Conflict when there are too many, ForbiddenAddress."""
        self._guard.check_literal(Target.parse(wanted.url))
        at, uid = now_ms(), new_uid()
        with self._database.write() as connection:
            count = sa.select(sa.func.count()).where(_webhooks.c.owner_id == owner_id)
            if connection.execute(count).scalar_one() >= WEBHOOKS_MAX:
                raise Conflict(f"There are {WEBHOOKS_MAX} webhooks already: delete one first")
            row = {"uid": uid, "owner_id": owner_id, "created_at": at, "updated_at": at, **_columns(wanted)}
            added = connection.execute(_webhooks.insert().values(row).returning(_webhooks.c.id)).scalar_one()
            _put_targets(connection, added, wanted)
            tell(connection, "webhook.create", owner_id, actor_id, uid, wanted.url)
            return _get(connection, owner_id, uid)

    def change(self, owner_id: int, uid: str, wanted: Wanted, actor_id: int | None = None) -> Webhook:
        """All of it. Raises NotFound, ForbiddenAddress."""
        self._guard.check_literal(Target.parse(wanted.url))
        with self._database.write() as connection:
            found = _get(connection, owner_id, uid)
            values = _columns(wanted) | {"updated_at": now_ms()}
            connection.execute(_webhooks.update().where(_webhooks.c.id == found.id).values(values))
            connection.execute(_targets.delete().where(_targets.c.webhook_id == found.id))
            _put_targets(connection, found.id, wanted)
            tell(connection, "webhook.update", owner_id, actor_id, uid, wanted.url)
            return _get(connection, owner_id, uid)

    def enable(self, owner_id: int, uid: str, actor_id: int | None = None) -> Webhook:
        """What happens from now on is told again, and what still waits. Raises NotFound."""
        with self._database.write() as connection:
            found = _get(connection, owner_id, uid)
            back = {"disabled_at": None, "disabled_reason": None, "updated_at": now_ms()}
            connection.execute(_webhooks.update().where(_webhooks.c.id == found.id).values(back))
            queue.enqueue(connection, deliveries.SEND, str(found.id))
            tell(connection, "webhook.enable", owner_id, actor_id, uid, found.wanted.url)
            return _get(connection, owner_id, uid)

    def disable(self, owner_id: int, uid: str, actor_id: int | None = None) -> Webhook:
        """Nothing is sent any more, and what happens meanwhile is not told later. Raises NotFound."""
        with self._database.write() as connection:
            found = _get(connection, owner_id, uid)
            if found.disabled_at is None:
                off = {"disabled_at": now_ms(), "disabled_reason": None, "updated_at": now_ms()}
                connection.execute(_webhooks.update().where(_webhooks.c.id == found.id).values(off))
                tell(connection, "webhook.disable", owner_id, actor_id, uid, found.wanted.url)
            return _get(connection, owner_id, uid)

    def delete(self, owner_id: int, uid: str, actor_id: int | None = None) -> None:
        """With its history. Raises NotFound."""
        with self._database.write() as connection:
            found = _get(connection, owner_id, uid)
            connection.execute(_webhooks.delete().where(_webhooks.c.id == found.id))
            tell(connection, "webhook.delete", owner_id, actor_id, uid, found.wanted.url)


def tell(connection: sa.Connection, kind: str, owner_id: int, actor_id: int | None, uid: str, url: str) -> None:
    """For the log of changes: of the address the host alone, since the rest may be a secret."""
    told = {"owner": owner_id, "id": uid, "host": urlsplit(url).hostname or ""}
    outbox.append(connection, Event(kind, actor_id=actor_id or owner_id, payload=told))


def _columns(wanted: Wanted) -> dict[str, Any]:
    return {"url": wanted.url, "secret": wanted.secret, "domains": msgspec.json.encode(wanted.domains).decode()}


def _put_targets(connection: sa.Connection, webhook_id: int, wanted: Wanted) -> None:
    rows = [
        {"webhook_id": webhook_id, "kind": one.kind, "name_key": one.key, "name": one.name, "position": position}
        for position, one in enumerate(wanted.watched)
    ]
    connection.execute(_targets.insert(), rows)


def _get(connection: sa.Connection, owner_id: int, uid: str) -> Webhook:
    found = _fetch(connection, (_webhooks.c.owner_id == owner_id) & (_webhooks.c.uid == uid))
    if not found:
        raise NotFound("There is no such webhook")
    return found[0]


def _fetch(connection: sa.Connection, where: sa.ColumnElement[bool]) -> list[Webhook]:
    rows = connection.execute(sa.select(_webhooks).where(where).order_by(_webhooks.c.id)).all()
    ids = [row.id for row in rows]
    query = sa.select(_targets).where(_targets.c.webhook_id.in_(ids)).order_by(_targets.c.position)
    watched: dict[int, list[Watched]] = {id_: [] for id_ in ids}
    for target in connection.execute(query):
        watched[target.webhook_id].append(Watched(target.kind, target.name))
    return [_webhook(row, watched[row.id]) for row in rows]


def _webhook(row: "sa.Row[Any]", watched: Sequence[Watched]) -> Webhook:
    domains = tuple(msgspec.json.decode(row.domains, type=list[Domain]))
    reason = Reason(row.disabled_reason) if row.disabled_reason else None
    wanted = Wanted(row.url, tuple(watched), domains, row.secret)
    return Webhook(row.id, row.uid, row.owner_id, wanted, row.disabled_at, reason, row.created_at)
