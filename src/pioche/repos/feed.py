"""What people did lately: for the feed of who is signed in, the pages of people and organisations, and their calendars.

Whoever reads sees what concerns the repos that they may open now, and nothing else is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.names import VERSIONED, RepoId, RepoType
from pioche.repos import info
from pioche.repos.activity import BRANCH, PULL, TAG

DAY_MS = 86_400_000

_LIKE = "like"
_RECENT_DAYS = 14
_activity, _repos, _accounts = schema.activity, schema.repos, schema.accounts
_follows, _watches = schema.follows, schema.watches

Place = tuple[int, int]
"""(at, id) of a row: where a page of the feed ends."""


@dataclass(frozen=True, slots=True)
class Deed:
    """`kind` is create, commit, branch, tag, pull, discussion, comment, merge or like; `what` the branch, the tag or the
    number. `actor` is empty when the account is gone. `at` is Unix milliseconds."""

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
    """What was done to the repos of these accounts that the caller may see, newest first. Who likes them stands elsewhere."""
    where = _repos.c.namespace_id.in_(list(account_ids)) & (_activity.c.kind != _LIKE)
    return _find(database, caller, where, repo_type, before, limit)


def of_follower(
    database: Database,
    caller: Caller,
    account_ids: Sequence[int],
    *,
    limit: int,
    repo_type: RepoType | None = None,
    before: Place | None = None,
) -> list[Deed]:
    """What the caller wants to hear of, newest first: what is done to the repos of these accounts (their own ones), to
    those of whom they follow, and to those they watch; and what the people they follow do, wherever. What they muted is
    left out."""
    end = now_ms() if before is None else before[0]
    find = partial(_find_for_follower, database, caller, account_ids, repo_type, before, limit)
    found = find(end - _RECENT_DAYS * DAY_MS)
    return found if len(found) == limit else find(None)


def _find_for_follower(
    database: Database,
    caller: Caller,
    account_ids: Sequence[int],
    repo_type: RepoType | None,
    before: Place | None,
    limit: int,
    since: int | None,
) -> list[Deed]:
    """What is older than `since` is not looked at: who follows many reads of the last days, out of years."""
    mine = _watches.c.user_id == caller.user_id
    muted = sa.select(_watches.c.repo_id).where(mine, _watches.c.is_muted)
    watched = sa.select(_watches.c.repo_id).where(mine, _watches.c.is_muted.is_(False))
    followed = sa.select(_follows.c.followed_id).where(_follows.c.follower_id == caller.user_id)
    near = sa.or_(_repos.c.namespace_id.in_(list(account_ids)), _repos.c.namespace_id.in_(followed))
    heard = sa.select(_repos.c.id).where(near).union(watched)
    # Each of the two by its own index: with OR between them, SQLite would walk through everything that ever happened.
    told = sa.select(_activity.c.id).where(_activity.c.repo_id.in_(heard), _activity.c.kind != _LIKE)
    done = sa.select(_activity.c.id).where(_activity.c.actor_id.in_(followed))
    if since is not None:
        told, done = told.where(_activity.c.at >= since), done.where(_activity.c.at >= since)
    where = _activity.c.id.in_(told.union(done)) & _activity.c.repo_id.not_in(muted)
    return _find(database, caller, where, repo_type, before, limit)


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
        .where(_activity.c.actor_id == account_id, _activity.c.at >= first * DAY_MS, _activity.c.kind != _LIKE)
        .where(*info.visible(caller))
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
    prefixes = (prefix for prefix in (BRANCH, TAG, PULL) if (row.ref or "").startswith(prefix))
    what = str(row.number or "") or next((row.ref.removeprefix(prefix) for prefix in prefixes), "")
    repo_id = RepoId(RepoType(row.type), namespace, name)
    return Deed(row.id, row.kind, repo_id, bool(row.private), row.actor or "", what, row.commit, row.at)
