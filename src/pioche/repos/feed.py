"""What people did lately: for the feed of who is signed in, the pages of people and organisations, and their calendars.

Whoever reads sees what concerns the repos that they may open now, and nothing else is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.names import VERSIONED, RepoId, RepoType
from pioche.repos import info
from pioche.repos.activity import BRANCH, PULL, TAG

DAY_MS = 86_400_000

_activity, _repos, _accounts = schema.activity, schema.repos, schema.accounts

Place = tuple[int, int]
"""(at, id) of a row: where a page of the feed ends."""


@dataclass(frozen=True, slots=True)
class Deed:
    """`kind` is create, commit, branch, tag or pull; `what` the branch, the tag or the number. `actor` is empty when the
    account is gone. `at` is Unix milliseconds."""

    id: int
    kind: str
    repo_id: RepoId
    private: bool
    actor: str
    what: str
    commit: str | None
    at: int

    @property
    def place(self) -> Place:
        return self.at, self.id


def of_namespaces(
    database: Database,
    caller: Caller,
    account_ids: Sequence[int],
    *,
    limit: int,
    repo_type: RepoType | None = None,
    before: Place | None = None,
) -> list[Deed]:
    """What was done to the repos of these accounts that the caller may see, newest first."""
    return _find(database, caller, _repos.c.namespace_id.in_(list(account_ids)), repo_type, before, limit)


def of_person(
    database: Database, caller: Caller, account_id: int, *, limit: int, before: Place | None = None
) -> list[Deed]:
    """What a person did to repos that the caller may see, newest first."""
    return _find(database, caller, _activity.c.actor_id == account_id, None, before, limit)


def by_day(database: Database, caller: Caller, account_id: int, *, days: int, today: int) -> list[int]:
    """How much a person did on each of the last `days`, today (days since 1970, UTC) last: of what the caller may see."""
    first = today - days + 1
    day = (_activity.c.at // DAY_MS).label("day")
    query = (
        sa.select(day, sa.func.count())
        .select_from(_activity.join(_repos, _repos.c.id == _activity.c.repo_id))
        .where(_activity.c.actor_id == account_id, _activity.c.at >= first * DAY_MS, *info.visible(caller))
        .group_by(day)
    )
    with database.read() as connection:
        counts = {row[0]: row[1] for row in connection.execute(query)}
    return [counts.get(one, 0) for one in range(first, today + 1)]


def _find(
    database: Database,
    caller: Caller,
    where: sa.ColumnElement[bool],
    repo_type: RepoType | None,
    before: Place | None,
    limit: int,
) -> list[Deed]:
    columns = (_activity, _repos.c.type, _repos.c.full_name, _repos.c.private, _accounts.c.name.label("actor"))
    both = _activity.join(_repos, _repos.c.id == _activity.c.repo_id)
    query = sa.select(*columns).select_from(both.outerjoin(_accounts, _accounts.c.id == _activity.c.actor_id))
    query = query.where(where, *info.visible(caller))
    types = VERSIONED if repo_type is None else (repo_type,)
    query = query.where(_repos.c.type.in_([one.value for one in types]))
    if before is not None:
        place = sa.tuple_(_activity.c.at, _activity.c.id)
        query = query.where(place < sa.tuple_(*map(sa.literal, before)))
    with database.read() as connection:
        rows = connection.execute(query.order_by(_activity.c.at.desc(), _activity.c.id.desc()).limit(limit)).all()
    return [_deed(row) for row in rows]


def _deed(row: "sa.Row[Any]") -> Deed:
    namespace, _, name = row.full_name.partition("/")
    what = next(
        (row.ref.removeprefix(prefix) for prefix in (BRANCH, TAG, PULL) if (row.ref or "").startswith(prefix)), ""
    )
    repo_id = RepoId(RepoType(row.type), namespace, name)
    return Deed(row.id, row.kind, repo_id, bool(row.private), row.actor or "", what, row.commit, row.at)
