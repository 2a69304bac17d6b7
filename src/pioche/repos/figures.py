"""How much use is made of what an organisation publishes: for its administrators, who see all of its repos."""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from pioche.accounts.account import Account
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.names import RepoId, RepoType
from pioche.repos.downloads import DAY_MS, WINDOW_DAYS

_repos, _days, _follows, _activity = schema.repos, schema.downloads, schema.follows, schema.activity
_MOST: Final = 10


@dataclass(frozen=True, slots=True)
class Used:
    """A repo, its downloads of the last 30 days and its likes."""

    repo_id: RepoId
    private: bool
    downloads: int
    likes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the last 30 days but for `downloads_all`, `likes` and `followers`. `days` are (Unix milliseconds, downloads)."""

    downloads: int
    downloads_all: int
    likes: int
    followers: int
    active_people: int
    """Who did something in its repos."""
    days: list[tuple[int, int]]
    most: list[Used]
    """The most downloaded first."""


def of_account(database: Database, account: Account) -> Figures:
    """That the one who is shown them administers the account is for the caller to know."""
    here = (_repos.c.namespace_id == account.id) & _repos.c.deleted_at.is_(None)
    totals = sa.select(_total(_repos.c.downloads), _total(_repos.c.downloads_all), _total(_repos.c.likes)).where(here)
    since = now_ms() - WINDOW_DAYS * DAY_MS
    people = sa.select(sa.func.count(sa.distinct(_activity.c.actor_id)))
    people = people.join_from(_activity, _repos, _repos.c.id == _activity.c.repo_id)
    followers = sa.select(sa.func.count()).select_from(_follows).where(_follows.c.followed_id == account.id)
    most = sa.select(_repos).where(here, (_repos.c.downloads > 0) | (_repos.c.likes > 0))
    most = most.order_by(_repos.c.downloads.desc(), _repos.c.likes.desc(), _repos.c.id).limit(_MOST)
    with database.read() as connection:
        downloads, downloads_all, likes = connection.execute(totals).one()
        return Figures(
            int(downloads),
            int(downloads_all),
            int(likes),
            connection.execute(followers).scalar_one(),
            connection.execute(people.where(here, _activity.c.at >= since)).scalar_one(),
            _by_day(connection, here),
            [_used(row) for row in connection.execute(most)],
        )


def _total(column: "sa.Column[int]") -> "sa.ColumnElement[int]":
    return sa.func.coalesce(sa.func.sum(column), 0)


def _by_day(connection: sa.Connection, here: sa.ColumnElement[bool]) -> list[tuple[int, int]]:
    """Today last."""
    today = now_ms() // DAY_MS
    first = today - WINDOW_DAYS + 1
    query = sa.select(_days.c.day, sa.func.sum(_days.c.count)).join_from(_days, _repos, _repos.c.id == _days.c.repo_id)
    rows = connection.execute(query.where(here, _days.c.day >= first).group_by(_days.c.day))
    counts = {row[0]: int(row[1]) for row in rows}
    return [(day * DAY_MS, counts.get(day, 0)) for day in range(first, today + 1)]


def _used(row: "sa.Row[Any]") -> Used:
    namespace, _, name = row.full_name.partition("/")
    return Used(RepoId(RepoType(row.type), namespace, name), bool(row.private), row.downloads, row.likes)
