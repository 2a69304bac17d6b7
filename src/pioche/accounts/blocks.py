"""Whom people and organisations do not want to hear: who is blocked by an account says nothing in its repos, and opens
nothing there. Reading stays as it was: what is public is public.

Members who may read the organisation's repos and the hub's administrators are not kept out: rights come before.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts.account import COLUMNS, Account, from_row
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Forbidden
from pioche.events import Event
from pioche.jobs import outbox

BLOCKED_MAX = 1000
_OUTSIDE = "no_access"

_blocks, _accounts, _members, _repos = schema.blocks, schema.accounts, schema.memberships, schema.repos


@dataclass(frozen=True, slots=True)
class Blocked:
    """Somebody who is blocked, since `at` (Unix milliseconds)."""

    account: Account
    at: int


def block(database: Database, blocker: Account, blocked: Account, *, actor_id: int) -> None:
    """Done already is done. Raises BadRequest for oneself, for organisations, and for too many."""
    if not blocked.is_user:
        raise BadRequest(f"{blocked.name} is an organization: people can be blocked")
    if blocker.id == blocked.id or blocked.id == actor_id:
        raise BadRequest("You cannot block yourself")
    with database.write() as connection:
        count = sa.select(sa.func.count()).where(_blocks.c.blocker_id == blocker.id)
        if connection.execute(count).scalar_one() >= BLOCKED_MAX:
            raise BadRequest(f"At most {BLOCKED_MAX} people can be blocked: unblock somebody first")
        row = insert_if_absent(connection, _blocks).values(blocker_id=blocker.id, blocked_id=blocked.id, at=now_ms())
        if connection.execute(row.returning(_blocks.c.at)).first() is not None:
            _tell(connection, "user.block", blocker, blocked, actor_id)


def unblock(database: Database, blocker: Account, blocked: Account, *, actor_id: int) -> None:
    """Done already is done."""
    with database.write() as connection:
        both = (_blocks.c.blocker_id == blocker.id) & (_blocks.c.blocked_id == blocked.id)
        if connection.execute(_blocks.delete().where(both)).rowcount:
            _tell(connection, "user.unblock", blocker, blocked, actor_id)


def of(database: Database, blocker_id: int) -> list[Blocked]:
    """Whom an account blocked, the latest first."""
    query: sa.Select[Any] = sa.select(*COLUMNS, _blocks.c.at)
    query = query.join_from(_blocks, _accounts, _accounts.c.id == _blocks.c.blocked_id)
    query = query.where(_blocks.c.blocker_id == blocker_id).order_by(_blocks.c.at.desc(), _accounts.c.name_key)
    with database.read() as connection:
        return [Blocked(from_row(row), row.at) for row in connection.execute(query)]


def is_blocked(database: Database, blocker_id: int, blocked_id: int) -> bool:
    both = (_blocks.c.blocker_id == blocker_id) & (_blocks.c.blocked_id == blocked_id)
    with database.read() as connection:
        return connection.execute(sa.select(_blocks.c.at).where(both)).first() is not None


# Made once: making a statement takes longer than running it.
_INSIDE = sa.select(_members.c.role).where(
    _members.c.org_id == _blocks.c.blocker_id, _members.c.user_id == _blocks.c.blocked_id, _members.c.role != _OUTSIDE
)
_ADMINISTRATORS = sa.select(_accounts.c.id).where(_accounts.c.id == _blocks.c.blocked_id, _accounts.c.is_admin)
_KEPT_OUT = (
    sa.select(_blocks.c.at)
    .join_from(_repos, _blocks, _blocks.c.blocker_id == _repos.c.namespace_id)
    .where(_repos.c.id == sa.bindparam("repo"), _blocks.c.blocked_id == sa.bindparam("user"))
    .where(~sa.exists(_INSIDE), ~sa.exists(_ADMINISTRATORS))
)


def check(connection: sa.Connection, repo_id: int, user_id: int | None) -> None:
    """Whether somebody may say something in a repo. Raises Forbidden."""
    if user_id is None:
        return
    if connection.execute(_KEPT_OUT, {"repo": repo_id, "user": user_id}).first() is not None:
        raise Forbidden("The owner of this repo does not take comments from you")


def _tell(connection: sa.Connection, kind: str, blocker: Account, blocked: Account, actor_id: int) -> None:
    """In the log of who blocks; that of who is blocked says nothing of it."""
    told = {"owner": blocker.id, "name": blocked.name}
    outbox.append(connection, Event(kind, actor_id=actor_id, payload=told))
