"""How much models are asked, and by whom: for those who ask, of their own, and for organisations, of their models.

A web process counts in memory and writes every ten seconds (`http.buffers`); the loss of what was not written is accepted.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.names import RepoId, RepoType
from pioche.repos import info
from pioche.repos.downloads import DAY_MS, WINDOW_DAYS

KEPT_DAYS: Final = 366
_SHOWN_MAX: Final = 100
_COUNTS: Final = ("requests", "failures", "milliseconds")

_repos, _accounts, _models, _users = schema.repos, schema.accounts, schema.model_usage, schema.user_usage


@dataclass(slots=True)
class Counts:
    """`seconds` is what was waited for the answers, all together."""

    requests: int = 0
    failures: int = 0
    seconds: float = 0.0

    def add(self, *, has_failed: bool, seconds: float) -> None:
        self.requests += 1
        self.failures += has_failed
        self.seconds += seconds


@dataclass(frozen=True, slots=True)
class Asked:
    """A model, and how much it was asked in the last 30 days. `people`: how many of those who asked it have a name here."""

    repo_id: RepoId
    counts: Counts
    people: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Of the last 30 days. `days` are (Unix milliseconds, requests), today last; of `models` the most asked come first."""

    total: Counts
    days: list[tuple[int, int]]
    models: list[Asked] = field(default_factory=list)


class Usage:
    """A buffer of the hub. `record` is for the event loop, `flush` for a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counted: dict[tuple[int, int, int], Counts] = {}

    def record(self, repo: int, user: int, *, has_failed: bool, seconds: float) -> None:
        """Rows of a repo and of a user; 0: nobody."""
        key = user, repo, now_ms() // DAY_MS
        self._counted.setdefault(key, Counts()).add(has_failed=has_failed, seconds=seconds)

    def flush(self) -> None:
        """Writes what was counted since the last time; not that of repos and users that are gone."""
        counted, self._counted = self._counted, {}
        if not counted:
            return
        with self._database.write() as connection:
            repos = _present(connection, _repos, {repo for _, repo, _ in counted})
            users = _present(connection, _accounts, {user for user, _, _ in counted if user})
            for (user, repo, day), counts in sorted(counted.items(), key=lambda one: one[0]):
                if repo in repos:
                    _add(connection, _models, {"repo_id": repo, "day": day}, counts)
                if repo in repos and user in users:
                    _add(connection, _users, {"user_id": user, "repo_id": repo, "day": day}, counts)


def _present(connection: sa.Connection, table: sa.Table, ids: set[int]) -> set[int]:
    """Those that have a row, which stays until the end of the transaction."""
    select = sa.select(table.c.id).where(table.c.id.in_(sorted(ids))).order_by(table.c.id)
    return set(connection.execute(select.with_for_update(key_share=True)).scalars())


def _add(connection: sa.Connection, table: sa.Table, key: dict[str, int], counts: Counts) -> None:
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    found = (counts.requests, counts.failures, round(counts.seconds * 1000))
    insert = make(table).values(**key, **dict(zip(_COUNTS, found, strict=True)))
    more = {name: table.c[name] + insert.excluded[name] for name in _COUNTS}
    connection.execute(insert.on_conflict_do_update(index_elements=list(key), set_=more))


def of_user(database: Database, caller: Caller) -> Report:
    """What the caller asked; of models that they may not open any more only the numbers."""
    here = _users.c.user_id == caller.user_id
    with database.read() as connection:
        shown = sa.and_(*info.visible(caller), here)
        return _report(connection, _users, here, shown)


def of_account(database: Database, account: Account) -> Report:
    """What its models were asked. That the one who is shown it administers the account is for the caller to know."""
    here = _models.c.repo_id.in_(
        sa.select(_repos.c.id).where(_repos.c.namespace_id == account.id, _repos.c.deleted_at.is_(None))
    )
    with database.read() as connection:
        return _report(connection, _models, here, here)


def forget(connection: sa.Connection) -> None:
    """Days that are long past."""
    first = now_ms() // DAY_MS - KEPT_DAYS
    for table in (_models, _users):
        connection.execute(table.delete().where(table.c.day < first))


def _report(
    connection: sa.Connection, table: sa.Table, here: sa.ColumnElement[bool], shown: sa.ColumnElement[bool]
) -> Report:
    today = now_ms() // DAY_MS
    first = today - WINDOW_DAYS + 1
    lately = sa.and_(here, table.c.day >= first)
    sums = [sa.func.coalesce(sa.func.sum(table.c[name]), 0) for name in _COUNTS]
    total = connection.execute(sa.select(*sums).where(lately)).one()
    rows = connection.execute(sa.select(table.c.day, sums[0]).where(lately).group_by(table.c.day))
    by_day = {row[0]: int(row[1]) for row in rows}
    joined = table.join(_repos, _repos.c.id == table.c.repo_id)
    most = sa.select(_repos.c.id, _repos.c.full_name, *sums).select_from(joined).where(shown, table.c.day >= first)
    most = most.group_by(_repos.c.id, _repos.c.full_name).order_by(sums[0].desc(), _repos.c.id).limit(_SHOWN_MAX)
    found = connection.execute(most).all()
    people = _people(connection, [row[0] for row in found], first)
    return Report(
        _counts(total),
        [(day * DAY_MS, by_day.get(day, 0)) for day in range(first, today + 1)],
        [Asked(_model(row[1]), _counts(row[2:]), people.get(row[0], 0)) for row in found],
    )


def _people(connection: sa.Connection, repo_ids: list[int], first: int) -> dict[int, int]:
    count = sa.func.count(sa.distinct(_users.c.user_id))
    here = sa.and_(_users.c.repo_id.in_(repo_ids), _users.c.day >= first)
    rows = connection.execute(sa.select(_users.c.repo_id, count).where(here).group_by(_users.c.repo_id))
    return {row[0]: row[1] for row in rows}


def _counts(row: Any) -> Counts:
    requests, failures, milliseconds = row
    return Counts(int(requests), int(failures), int(milliseconds) / 1000)


def _model(full_name: str) -> RepoId:
    namespace, _, name = full_name.partition("/")
    return RepoId(RepoType.MODEL, namespace, name)
