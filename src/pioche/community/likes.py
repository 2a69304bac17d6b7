"""Likes: who likes which repo. `repos.likes` is their number, kept in the same transaction, so that it is always exact."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts import account
from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import RepoNotFound
from pioche.names import VERSIONED, RepoId, RepoType
from pioche.repos import activity, downloads, info
from pioche.repos.access import Repo

_likes, _repos, _accounts = schema.likes, schema.repos, schema.accounts

Place = tuple[int, int]
"""(at, row) of a like: where a page ends. `row` is the user's or the repo's, whichever is listed."""


@dataclass(frozen=True, slots=True)
class Liker:
    """Who likes a repo, since when (Unix milliseconds)."""

    account: Account
    at: int

    @property
    def place(self) -> Place:
        return self.at, self.account.id


@dataclass(frozen=True, slots=True)
class Liked:
    """A repo (`id` is its row) that somebody likes, since when."""

    id: int
    repo_id: RepoId
    at: int

    @property
    def place(self) -> Place:
        return self.at, self.id


def like(repo: Repo, caller: Caller) -> int:
    """Of a repo opened for `Action.PARTICIPATE`; again is no error. How many likes it has now. Raises RepoNotFound."""
    at = now_ms()
    with repo.database.write() as connection:
        row = {"repo_id": repo.id, "user_id": caller.user_id, "at": at}
        insert = insert_if_absent(connection, _likes).values(row).returning(_likes.c.at)
        is_new = connection.execute(insert).first() is not None
        if is_new:
            activity.add(connection, "like", repo.id, caller.user_id, at=at)
        return _count(connection, repo.id, 1 if is_new else 0)


def unlike(repo: Repo, caller: Caller) -> int:
    """As `like`: of what is not liked, no error either."""
    mine = (_likes.c.repo_id == repo.id) & (_likes.c.user_id == caller.user_id)
    with repo.database.write() as connection:
        was_there = connection.execute(_likes.delete().where(mine)).rowcount == 1
        if was_there:
            activity.take_back(connection, "like", repo.id, caller.user_id)
        return _count(connection, repo.id, -1 if was_there else 0)


def _count(connection: sa.Connection, repo_id: int, change: int) -> int:
    """The likes of a repo after the change, of which search is told."""
    here = (_repos.c.id == repo_id) & _repos.c.deleted_at.is_(None)
    if change:
        update = _repos.update().where(here).values(likes=_repos.c.likes + change).returning(_repos.c.likes)
        count = connection.execute(update).scalar()
        downloads.tell(connection, [repo_id])
    else:
        count = connection.execute(sa.select(_repos.c.likes).where(here)).scalar()
    if count is None:  # deleted since it was opened
        raise RepoNotFound
    return int(count)


def does_like(database: Database, caller: Caller, repo: Repo) -> bool:
    """Whether the caller does."""
    if caller.is_anonymous:
        return False
    mine = sa.select(_likes.c.at).where(_likes.c.repo_id == repo.id, _likes.c.user_id == caller.user_id)
    with database.read() as connection:
        return connection.execute(mine).first() is not None


def likers(repo: Repo, *, limit: int, before: Place | None = None) -> list[Liker]:
    """Who likes a repo, the latest first. Suspended users are left out."""
    query = sa.select(*account.COLUMNS, _likes.c.at).select_from(
        _likes.join(_accounts, _accounts.c.id == _likes.c.user_id)
    )
    query = query.where(_likes.c.repo_id == repo.id, _accounts.c.suspended_at.is_(None))
    if before is not None:
        query = query.where(sa.tuple_(_likes.c.at, _likes.c.user_id) < sa.tuple_(*map(sa.literal, before)))
    query = query.order_by(_likes.c.at.desc(), _likes.c.user_id.desc()).limit(limit)
    with repo.database.read() as connection:
        rows: list[sa.Row[Any]] = list(connection.execute(query))
    return [Liker(account.from_row(row), row.at) for row in rows]


def of_user(
    database: Database, reader: Caller, user: Account, *, limit: int, before: Place | None = None
) -> list[Liked]:
    """The repos that a user likes and the reader may see, the latest first."""
    query = sa.select(_repos.c.id, _repos.c.type, _repos.c.full_name, _likes.c.at).select_from(_liked_repos())
    query = query.where(*_seen(reader, user))
    if before is not None:
        query = query.where(sa.tuple_(_likes.c.at, _likes.c.repo_id) < sa.tuple_(*map(sa.literal, before)))
    query = query.order_by(_likes.c.at.desc(), _likes.c.repo_id.desc()).limit(limit)
    with database.read() as connection:
        rows: list[sa.Row[Any]] = list(connection.execute(query))
    return [_liked(row) for row in rows]


def count_of_user(database: Database, reader: Caller, user: Account) -> int:
    """How many `of_user` has in all."""
    query = sa.select(sa.func.count()).select_from(_liked_repos()).where(*_seen(reader, user))
    with database.read() as connection:
        return connection.execute(query).scalar_one()


def _liked_repos() -> sa.FromClause:
    return _likes.join(_repos, _repos.c.id == _likes.c.repo_id)


def _seen(reader: Caller, user: Account) -> list[sa.ColumnElement[bool]]:
    types = [kind.value for kind in VERSIONED]
    return [_likes.c.user_id == user.id, _repos.c.type.in_(types), *info.visible(reader)]


def _liked(row: sa.Row[Any]) -> Liked:
    namespace, _, name = row.full_name.partition("/")
    return Liked(row.id, RepoId(RepoType(row.type), namespace, name), row.at)
