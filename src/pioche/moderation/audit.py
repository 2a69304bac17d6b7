"""The log of who changed what: a consumer of the outbox writes a row for each event that is such a change, once.

Names are copied, since the row outlives the repo and the account. Of an event's payload only what `_KEYS` names is kept:
no token, no address with a secret in it and no text that somebody wrote ever comes into the log, whatever an event of
tomorrow carries. A row stands in the log of one account: who owns the repo, which organisation it is about, whose token it
is. What is about the hub alone stands in none of these, and administrators see everything.
"""

import contextlib
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_rows
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import OutOfSpace, Unavailable
from pioche.events import Event
from pioche.jobs.outbox import BATCH, Dispatcher
from pioche.names import RepoType

DAY_MS = 86_400_000

_log, _repos, _accounts, _former = schema.audit_log, schema.repos, schema.accounts, schema.former_names

_NO_CHANGES_OF_RIGHTS = frozenset(
    (
        "repo.content.update",
        "repo.facts.update",
        "repo.numbers",
        "bucket.update",
        "discussion.create",
        "discussion.update",
    )
)
"""What people publish and say, and what the hub works out itself: it has a history of its own."""
_SAID = "discussion.comment."
_OF_THE_HUB = ("report.", "instance.")
"""Who reports what is nobody's business but the administrators'."""

_KEYS = frozenset(
    """autoJoin auto_join branch by count discussions_off domains duplication_off expires_at fine_grained from gated
    gates_members group groups hides_members host id invitation isPullRequest kind name names number org private
    private_by_default ranges reason ref role scope slug status storage_max takes_requests to token type user users uses
    verified wants_fine_grained approves_tokens what code_allowed""".split()
)
_TEXT_CHARACTERS_MAX = 500
_ITEMS_MAX = 50


class _About(NamedTuple):
    """What happened to what: `owner_id` whose log it is in, None for the hub's own."""

    owner_id: int | None
    repo_uid: str | None
    target: str


class Audit:
    """Writes the log. Called again with an event that it has seen, it changes nothing."""

    name = "audit"

    def __init__(self, database: Database) -> None:
        self._database = database

    def handle_all(self, events: Sequence[Event]) -> None:
        kept = [event for event in events if is_kept(event.kind)]
        if not kept:
            return
        with self._database.write() as connection:
            known = _Known(connection)
            insert_rows(connection, _log, [_row(known, event) for event in kept])


def catch_up(database: Database) -> None:
    """What has happened until now is in the log, without waiting for the process that delivers events: for whoever is about
    to read it. On a hub that cannot write for the moment, what was written before can be read still."""
    with contextlib.suppress(Unavailable, OutOfSpace):
        dispatcher = Dispatcher(database, (Audit(database),))
        while dispatcher.step() >= BATCH:
            pass


class PruneAudit:
    """Removes what is older than the setting `audit_days`."""

    kind = "audit.prune"
    attempts_max = 3

    def __init__(self, database: Database, *, days: int) -> None:
        """`days` 0: everything stays."""
        self.every_seconds: int | None = 3600 if days else None
        self._database = database
        self._days = days

    def run(self, key: str, payload: dict[str, Any]) -> None:
        if self._days:
            with self._database.write() as connection:
                connection.execute(_log.delete().where(_log.c.at < now_ms() - self._days * DAY_MS))


def is_kept(kind: str) -> bool:
    """Whether events of this kind stand in the log."""
    return kind not in _NO_CHANGES_OF_RIGHTS and not kind.startswith(_SAID)


class _Known:
    """Accounts and repos as they are now. Asked once: the events of one time are about few."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.name = cache(self._name)
        self.id = cache(self._id)

    def person(self, user: object) -> str:
        return (self.name(user) or str(user)) if isinstance(user, int) else str(user)

    def account(self, owner: object) -> int | None:
        """Events name it either way."""
        return self.id(owner) if isinstance(owner, str) else owner if isinstance(owner, int) else None

    def repo(self, repo_id: int) -> "sa.Row[Any, Any, Any] | None":
        return self._connection.execute(_REPO, {"id": repo_id}).first()

    def _name(self, account_id: int) -> str | None:
        return self._connection.execute(_NAME, {"id": account_id}).scalar()

    def _id(self, name: str) -> int | None:
        key = {"key": name.lower()}
        found: int | None = self._connection.execute(_ID, key).scalar()
        if found is None:  # it was renamed since the event was written
            found = self._connection.execute(_ID_ONCE, key).scalar()
        return found


# Made once: making a statement takes longer than running it.
_NAME = sa.select(_accounts.c.name).where(_accounts.c.id == sa.bindparam("id"))
_ID = sa.select(_accounts.c.id).where(_accounts.c.name_key == sa.bindparam("key"))
_ID_ONCE = sa.select(_former.c.account_id).where(_former.c.name_key == sa.bindparam("key"))
_REPO = sa.select(_repos.c.uid, _repos.c.type, _repos.c.full_name).where(_repos.c.id == sa.bindparam("id"))


def _row(known: _Known, event: Event) -> dict[str, Any]:
    about = _about(known, event)
    return {
        "kind": event.kind,
        "owner_id": about.owner_id,
        "repo_uid": about.repo_uid,
        "actor_id": event.actor_id or None,
        "actor": (known.name(event.actor_id) if event.actor_id else None) or "",
        "target": about.target,
        "data": msgspec.json.encode(_told(known, event)).decode(),
        "at": event.at,
        "event_id": event.id,
    }


def _about(known: _Known, event: Event) -> _About:
    payload = event.payload
    if event.repo_id is not None:
        return _about_repo(known, event.repo_id, event)
    scope = event.kind.partition(".")[0]
    names = ("user",) if scope == "session" else ("name", "slug", "id", "user")
    target = str(next((payload[key] for key in names if payload.get(key)), ""))
    if event.kind.startswith(_OF_THE_HUB):
        return _About(None, None, target)
    owner = payload.get("owner") or payload.get("org")
    if owner is None:
        owner = payload.get("name" if scope in ("user", "org") else "user")
    owner_id = known.account(owner)
    if scope == "org" and "user" in payload:
        target = known.person(payload["user"])
    return _About(owner_id or (event.actor_id if owner is None else None) or None, None, target)


def _about_repo(known: _Known, repo_id: int, event: Event) -> _About:
    """A moved repo stands in the log of whom it was taken from: what it is called now is in the data."""
    found = known.repo(repo_id)
    told = event.payload.get("from" if event.kind == "repo.move" else "id")
    is_name = isinstance(told, str) and "/" in told  # what happens to a group has the group's id there
    name = str(told) if is_name else found.full_name if found is not None else ""
    owner_id = None if event.kind.startswith(_OF_THE_HUB) else known.id(name.partition("/")[0])
    if found is None:
        return _About(owner_id, None, name)
    return _About(owner_id, found.uid, f"{RepoType(found.type).prefix}{name}")


def _told(known: _Known, event: Event) -> dict[str, Any]:
    payload = event.payload
    found = {key: _short(value) for key, value in payload.items() if key in _KEYS and _is_plain(value)}
    users = payload.get("users")
    if isinstance(users, list) and "users" not in found:
        found["users"] = [
            f"{one.get('user')}: {one.get('role')}" for one in users[:_ITEMS_MAX] if isinstance(one, dict)
        ]
    if event.repo_id is not None:
        found.pop("id", None)  # its name is the target
    if isinstance(payload.get("user"), int):
        found["user"] = known.person(payload["user"])
    return found


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(isinstance(one, str | int) for one in value)
    return value is None or isinstance(value, str | int | bool)


def _short(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_short(one) for one in value[:_ITEMS_MAX]]
    return value[:_TEXT_CHARACTERS_MAX] if isinstance(value, str) else value
