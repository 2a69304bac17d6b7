"""Who asks to belong to an organisation, and what its administrators answer. It takes requests or does not
(`org_settings.set_openness`)."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts import members
from pioche.accounts.account import COLUMNS, Account, from_row
from pioche.accounts.members import Role
from pioche.db import dialect, schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Conflict, Forbidden, NotFound
from pioche.events import Event
from pioche.jobs import outbox

TEXT_CHARACTERS_MAX = 500

_requests, _accounts = schema.join_requests, schema.accounts


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """`account` is the other side: who asks, or the organisation that somebody asked. `at` is Unix milliseconds."""

    account: Account
    text: str
    at: int


def parse_text(text: str) -> str:
    """Why somebody asks. Raises BadRequest."""
    text = text.replace("\r\n", "\n").strip()
    if len(text) > TEXT_CHARACTERS_MAX or not text.replace("\n", " ").isprintable():
        raise BadRequest(f"A message has at most {TEXT_CHARACTERS_MAX} printable characters")
    return text


def ask(database: Database, org: Account, user: Account, text: str = "") -> None:
    """Asked again, the last text counts. Raises BadRequest, Forbidden when the organisation takes no requests, Conflict for
    a member.

    Whom the organisation blocked, or one of those who would have to answer, is told that it takes none: a block is nobody
    else's to know.
    """
    row = {"org_id": org.id, "user_id": user.id, "text": parse_text(text), "at": now_ms()}
    with database.write() as connection:
        members.lock(connection, org.id)
        takes = connection.execute(sa.select(_accounts.c.takes_requests).where(_accounts.c.id == org.id)).scalar_one()
        if not takes or _is_blocked(connection, org, user):
            raise Forbidden(f"{org.name} takes no requests to join: ask its administrators for an invitation")
        if members.role_of(connection, org.id, user.id) is not None:
            raise Conflict(f"{user.name} is a member of {org.name} already")
        connection.execute(dialect.upsert(connection, _requests, ["org_id", "user_id"], ["text"]).values(row))
        _tell(connection, "org.request_to_join", org, user, user.id)


def _is_blocked(connection: sa.Connection, org: Account, user: Account) -> bool:
    """By the organisation, or by somebody who administers it."""
    blocks, memberships = schema.blocks, schema.memberships
    answering = sa.select(memberships.c.user_id).where(memberships.c.org_id == org.id, memberships.c.role == Role.ADMIN)
    blockers = (blocks.c.blocker_id == org.id) | blocks.c.blocker_id.in_(answering)
    return (
        connection.execute(sa.select(blocks.c.at).where(blocks.c.blocked_id == user.id, blockers)).first() is not None
    )


def withdraw(database: Database, org: Account, user: Account) -> None:
    """Raises NotFound."""
    with database.write() as connection:
        _take(connection, org, user)
        _tell(connection, "org.withdraw_join_request", org, user, user.id)


def accept(database: Database, org: Account, user: Account, role: Role, *, actor_id: int | None = None) -> None:
    """Makes them a member. Raises NotFound for who does not ask (any more)."""
    with database.write() as connection:
        members.lock(connection, org.id)
        _take(connection, org, user)
        members.join(connection, org, user, role, actor_id=actor_id, by="request")


def refuse(database: Database, org: Account, user: Account, *, actor_id: int | None = None) -> None:
    """They may ask again. Raises NotFound."""
    with database.write() as connection:
        _take(connection, org, user)
        _tell(connection, "org.refuse_join_request", org, user, actor_id)


def waiting_of(database: Database, org: Account) -> list[JoinRequest]:
    """Who asks to join an organisation, the first first; not who is suspended."""
    return _all(database, _requests.c.user_id, _requests.c.org_id == org.id)


def waiting_for(database: Database, user_id: int) -> list[JoinRequest]:
    """The organisations that a user asked, the first first."""
    return _all(database, _requests.c.org_id, _requests.c.user_id == user_id)


def is_waiting(database: Database, org: Account, user_id: int) -> bool:
    """Whether this user asked."""
    with database.read() as connection:
        mine = (_requests.c.org_id == org.id, _requests.c.user_id == user_id)
        return connection.execute(sa.select(_requests.c.at).where(*mine)).first() is not None


def _all(database: Database, other_side: sa.Column[int], where: sa.ColumnElement[bool]) -> list[JoinRequest]:
    joined = _requests.join(_accounts, _accounts.c.id == other_side)
    query: sa.Select[Any] = sa.select(*COLUMNS, _requests.c.text, _requests.c.at).select_from(joined)
    query = query.where(where, _accounts.c.suspended_at.is_(None)).order_by(_requests.c.at, _accounts.c.name_key)
    with database.read() as connection:
        return [JoinRequest(from_row(row), row.text, row.at) for row in connection.execute(query)]


def _take(connection: sa.Connection, org: Account, user: Account) -> None:
    gone = _requests.delete().where(_requests.c.org_id == org.id, _requests.c.user_id == user.id)
    if not connection.execute(gone).rowcount:
        raise NotFound(f"{user.name} does not ask to join {org.name}, or was answered already")


def _tell(connection: sa.Connection, kind: str, org: Account, user: Account, actor_id: int | None) -> None:
    outbox.append(connection, Event(kind, actor_id=actor_id, payload={"org": org.name, "user": user.name}))
