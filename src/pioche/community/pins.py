"""Pinned repos: what people and organisations put first on their pages, in an order of their own.

People pin any repo that they may see, for themselves; the administrators of an organisation pin its repos. Who may not see a
pinned repo does not see that it is pinned either.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from pioche.accounts import members
from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.accounts.scopes import Permission
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import BadRequest, Conflict, Forbidden, RepoNotFound
from pioche.repos import info
from pioche.repos.access import Repo

PINS_MAX: Final = 6
"""On one page. What its reader may not see is not counted."""

_pins, _repos, _accounts = schema.pins, schema.repos, schema.accounts


class Change(StrEnum):
    """What a button does to a repo among the pinned ones of an account."""

    PIN = "pin"
    UNPIN = "unpin"
    UP = "up"
    DOWN = "down"

    @classmethod
    def parse(cls, text: str) -> "Change":
        """Raises BadRequest."""
        try:
            return cls(text)
        except ValueError:
            raise BadRequest(f"{text[:40]!r} is nothing to do with a pin: use {', '.join(cls)}") from None


def of(database: Database, reader: Caller, owner: Account) -> list[int]:
    """The repos (rows) that are pinned on a page, as far as its reader may see them, in order."""
    with database.read() as connection:
        return _seen(connection, reader, owner)


@dataclass(frozen=True, slots=True)
class Place:
    """A page that a repo can be pinned to by the caller, and whether it is."""

    owner: str
    is_own: bool
    """The caller's own page; an organisation's otherwise."""
    is_pinned: bool


def places(repo: Repo, caller: Caller) -> list[Place]:
    """Where the caller may pin an opened repo: on their own page, and on the one of the organisation that they administer."""
    with repo.database.read() as connection:
        administers = members.role_of(connection, repo.namespace_id, caller.user_id) is Role.ADMIN
        ids = [caller.user_id, *([repo.namespace_id] if administers else [])]
        query = sa.select(_accounts.c.id, _accounts.c.name, _pins.c.repo_id).outerjoin(
            _pins, (_pins.c.account_id == _accounts.c.id) & (_pins.c.repo_id == repo.id)
        )
        rows = {row.id: row for row in connection.execute(query.where(_accounts.c.id.in_(ids)))}
    found = [rows[id_] for id_ in ids if id_ in rows]
    return [Place(row.name, row.id == caller.user_id, row.repo_id is not None) for row in found]


def may_change(database: Database, caller: Caller, owner: Account) -> bool:
    """Whether the caller decides what is pinned on a page."""
    with database.read() as connection:
        return _may_change(connection, caller, owner)


def change(repo: Repo, caller: Caller, owner: Account, what: Change) -> None:
    """Of a repo opened for `Action.PARTICIPATE`; what is so already stays so.

    Raises Forbidden (not their page), BadRequest (an organisation pins its own), Conflict (there are `PINS_MAX`), RepoNotFound.
    """
    with repo.database.write() as connection:
        # One at a time for each page, so that places stay apart and the limit holds.
        connection.execute(sa.select(_accounts.c.id).where(_accounts.c.id == owner.id).with_for_update())
        if not _may_change(connection, caller, owner):
            raise Forbidden(f"What is pinned on the page of {owner.name} is not yours to change")
        if not owner.is_user:
            caller.check_token(Permission.ORG_WRITE, owner.id, "this organization")
        if what is Change.PIN:
            _pin(connection, repo, caller, owner)
        elif what is Change.UNPIN:
            connection.execute(_pins.delete().where(_row(owner, repo)))
        else:
            _move(connection, repo, owner, _seen(connection, caller, owner), -1 if what is Change.UP else 1)


def _pin(connection: sa.Connection, repo: Repo, caller: Caller, owner: Account) -> None:
    if not owner.is_user and repo.namespace_id != owner.id:
        raise BadRequest("An organization pins repositories of its own")
    seen = _seen(connection, caller, owner)
    if repo.id in seen or connection.execute(sa.select(_pins.c.position).where(_row(owner, repo))).first():
        return
    if len(seen) >= PINS_MAX:
        raise Conflict(f"{PINS_MAX} repositories are pinned already: unpin one first")
    last = sa.select(sa.func.coalesce(sa.func.max(_pins.c.position), 0)).where(_pins.c.account_id == owner.id)
    place = connection.execute(last).scalar_one() + 1
    try:
        connection.execute(_pins.insert().values(account_id=owner.id, repo_id=repo.id, position=place))
    except sa.exc.IntegrityError:  # collected since it was opened
        raise RepoNotFound from None


def _move(connection: sa.Connection, repo: Repo, owner: Account, seen: list[int], by: int) -> None:
    """Past the next one that the caller sees: one more would move it past nothing."""
    if repo.id not in seen or not 0 <= seen.index(repo.id) + by < len(seen):
        return
    other = seen[seen.index(repo.id) + by]
    query = sa.select(_pins.c.repo_id).where(_pins.c.account_id == owner.id).order_by(*_ORDER)
    order = [row_id for row_id in connection.execute(query).scalars() if row_id != repo.id]
    order.insert(order.index(other) + (by > 0), repo.id)
    for place, row_id in enumerate(order, start=1):
        here = (_pins.c.account_id == owner.id) & (_pins.c.repo_id == row_id)
        connection.execute(_pins.update().where(here).values(position=place))


_ORDER = (_pins.c.position, _pins.c.repo_id)


def _seen(connection: sa.Connection, reader: Caller, owner: Account) -> list[int]:
    joined = sa.select(_repos.c.id).join_from(_pins, _repos, _repos.c.id == _pins.c.repo_id)
    query = joined.where(_pins.c.account_id == owner.id, *info.visible(reader))
    if not owner.is_user:  # a repo that was moved to somebody else is not the organisation's to show
        query = query.where(_repos.c.namespace_id == owner.id)
    return list(connection.execute(query.order_by(*_ORDER).limit(PINS_MAX)).scalars())


def _may_change(connection: sa.Connection, caller: Caller, owner: Account) -> bool:
    if owner.is_user:
        return caller.user_id == owner.id
    return caller.is_admin or members.role_of(connection, owner.id, caller.user_id) is Role.ADMIN


def _row(owner: Account, repo: Repo) -> sa.ColumnElement[bool]:
    return (_pins.c.account_id == owner.id) & (_pins.c.repo_id == repo.id)
