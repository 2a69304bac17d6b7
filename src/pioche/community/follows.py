"""Who follows whom: users follow users and organisations, to read in their feed what these do."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts import account
from pioche.accounts.account import Account, Kind
from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import AccountNotFound, BadRequest

_follows, _accounts = schema.follows, schema.accounts

Place = tuple[int, int]
"""(at, account) of a row: where a page ends."""


@dataclass(frozen=True, slots=True)
class Follow:
    """The other one, follower or followed, and since when (Unix milliseconds)."""

    account: Account
    at: int

    @property
    def place(self) -> Place:
        return self.at, self.account.id


@dataclass(frozen=True, slots=True)
class Counts:
    """`following` is 0 of an organisation. `is_following`: the one who asks follows them."""

    followers: int
    following: int
    is_following: bool


def follow(database: Database, caller: Caller, other: Account) -> None:
    """Again is no error. Raises BadRequest for oneself, AccountNotFound for who is suspended or gone."""
    if other.id == caller.user_id:
        raise BadRequest("Nobody follows themselves: follow somebody else")
    if other.is_suspended:
        raise AccountNotFound("This user does not exist")
    try:
        with database.write() as connection:
            row = {"follower_id": caller.user_id, "followed_id": other.id, "at": now_ms()}
            connection.execute(insert_if_absent(connection, _follows).values(row))
    except sa.exc.IntegrityError:  # deleted since it was found
        raise AccountNotFound("This account does not exist") from None


def unfollow(database: Database, caller: Caller, other: Account) -> None:
    """Of who is not followed, no error."""
    mine = (_follows.c.follower_id == caller.user_id) & (_follows.c.followed_id == other.id)
    with database.write() as connection:
        connection.execute(_follows.delete().where(mine))


def counts(database: Database, caller: Caller, other: Account) -> Counts:
    """As many as `followers` and `following` list in all."""
    select = sa.select(sa.func.count()).where(_accounts.c.suspended_at.is_(None))
    followers = select.select_from(_joined(_follows.c.follower_id)).where(_follows.c.followed_id == other.id)
    following = select.select_from(_joined(_follows.c.followed_id)).where(_follows.c.follower_id == other.id)
    with database.read() as connection:
        return Counts(
            connection.execute(followers).scalar_one(),
            connection.execute(following).scalar_one() if other.is_user else 0,
            not caller.is_anonymous and _does_follow(connection, caller, other.id),
        )


def does_follow(database: Database, caller: Caller, other_id: int) -> bool:
    """Whether the caller follows the account (row)."""
    with database.read() as connection:
        return not caller.is_anonymous and _does_follow(connection, caller, other_id)


def _does_follow(connection: sa.Connection, caller: Caller, other_id: int) -> bool:
    mine = (_follows.c.follower_id == caller.user_id) & (_follows.c.followed_id == other_id)
    return connection.execute(sa.select(_follows.c.at).where(mine)).first() is not None


def followers(database: Database, other: Account, *, limit: int, before: Place | None = None) -> list[Follow]:
    """Who follows a user or an organisation, the latest first. Suspended users are left out."""
    mine = _follows.c.followed_id == other.id
    return _find(database, _follows.c.follower_id, mine, limit, before)


def following(
    database: Database, user: Account, *, limit: int, before: Place | None = None, kind: Kind | None = None
) -> list[Follow]:
    """Whom a user follows, the latest first; of one kind where that is given."""
    mine = _follows.c.follower_id == user.id
    return _find(
        database, _follows.c.followed_id, mine if kind is None else mine & (_accounts.c.kind == kind), limit, before
    )


def _find(
    database: Database, other: sa.Column[int], where: sa.ColumnElement[bool], limit: int, before: Place | None
) -> list[Follow]:
    query = sa.select(*account.COLUMNS, _follows.c.at).select_from(_joined(other))
    query = query.where(where, _accounts.c.suspended_at.is_(None))
    if before is not None:
        query = query.where(sa.tuple_(_follows.c.at, other) < sa.tuple_(*map(sa.literal, before)))
    query = query.order_by(_follows.c.at.desc(), other.desc()).limit(limit)
    with database.read() as connection:
        rows: list[sa.Row[Any]] = list(connection.execute(query))
    return [Follow(account.from_row(row), row.at) for row in rows]


def _joined(other: sa.Column[int]) -> sa.FromClause:
    return _follows.join(_accounts, _accounts.c.id == other)
