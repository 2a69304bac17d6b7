"""What owners hold, and may hold: for pages, the API and `pioche quota`. The rules are in `storage.quotas`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts.account import Account
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.names import RepoId, RepoType
from pioche.repos.access import Repo
from pioche.storage.quotas import Limits, Quotas

_repos, _accounts, _reserved = schema.repos, schema.accounts, schema.storage_reservations
_size = _repos.c.used_storage + _repos.c.git_storage


@dataclass(frozen=True, slots=True)
class Allowance:
    """In bytes. `reserved` is being uploaded, or waits to be committed; `limit` 0 is none. `own` is the account's or the
    repo's own limit, None where the settings decide."""

    name: str
    kind: str
    used: int
    reserved: int
    limit: int
    own: int | None

    @property
    def taken(self) -> int:
        return self.used + self.reserved

    @property
    def share(self) -> float:
        """Of the limit, at most 1; 0 without a limit."""
        return min(1.0, self.taken / self.limit) if self.limit else 0.0


@dataclass(frozen=True, slots=True)
class Holding:
    """A repo, and what counts of it. `updated_at` is Unix milliseconds."""

    id: int
    uid: str
    repo_id: RepoId
    private: bool
    updated_at: int
    size: int


@dataclass(frozen=True, slots=True)
class Page:
    """The largest first, of `total`, on `pages` pages."""

    holdings: list[Holding]
    total: int
    pages: int


def of_account(database: Database, limits: Limits, account: Account) -> Allowance:
    here = (_repos.c.namespace_id == account.id) & _repos.c.deleted_at.is_(None)
    own = sa.select(_accounts.c.storage_max).where(_accounts.c.id == account.id)
    with database.read() as connection:
        used, reserved = _sums(connection, here)
        limit = connection.execute(own).scalar()
    kind = account.kind.value
    return Allowance(account.name, kind, used, reserved, limits.of_account(kind, limit), limit)


def of_repo(repo: Repo) -> Allowance:
    """Of an opened repo."""
    own = sa.select(_repos.c.storage_max).where(_repos.c.id == repo.id)
    with repo.database.read() as connection:
        used, reserved = _sums(connection, _repos.c.id == repo.id)
        limit = connection.execute(own).scalar()
    return Allowance(str(repo.repo_id), "repo", used, reserved, repo.stores.quotas.limits.of_repo(limit), limit)


def _sums(connection: sa.Connection, here: sa.ColumnElement[bool]) -> tuple[int, int]:
    """What the repos hold, and what is reserved for them."""
    used = sa.select(sa.func.coalesce(sa.func.sum(_size), 0)).where(here)
    live = _reserved.join(_repos, _repos.c.id == _reserved.c.repo_id)
    waiting = sa.select(sa.func.coalesce(sa.func.sum(_reserved.c.size), 0)).select_from(live)
    reserved = connection.execute(waiting.where(here, _reserved.c.until >= now_ms())).scalar_one()
    return int(connection.execute(used).scalar_one()), int(reserved)


def holdings(database: Database, owner_id: int, *, number: int = 0, limit: int = 50) -> Page:
    """The repos of an owner, page `number` of them. Whoever is shown them may see all of the owner's repos: that is for the
    caller to know."""
    here = (_repos.c.namespace_id == owner_id) & _repos.c.deleted_at.is_(None)
    query = sa.select(_repos, _size.label("size")).where(here).order_by(_size.desc(), _repos.c.id)
    with database.read() as connection:
        total = connection.execute(sa.select(sa.func.count()).select_from(_repos).where(here)).scalar_one()
        rows = connection.execute(query.limit(limit).offset(number * limit)).all()
    return Page([_holding(row) for row in rows], int(total), -(-int(total) // limit))


def _holding(row: "sa.Row[Any]") -> Holding:
    namespace, _, name = row.full_name.partition("/")
    repo_id = RepoId(RepoType(row.type), namespace, name)
    return Holding(row.id, row.uid, repo_id, bool(row.private), row.updated_at, int(row.size))


def limited(database: Database, limits: Limits) -> list[Allowance]:
    """The accounts and repos that have limits of their own."""
    with database.read() as connection:
        accounts = connection.execute(sa.select(_accounts).where(_accounts.c.storage_max.is_not(None))).all()
        mine = _repos.c.storage_max.is_not(None) & _repos.c.deleted_at.is_(None)
        repos = connection.execute(sa.select(_repos).where(mine)).all()
        return [*_of_accounts(connection, limits, accounts), *_of_repos(connection, limits, repos)]


def _of_accounts(connection: sa.Connection, limits: Limits, rows: "Sequence[sa.Row[Any]]") -> list[Allowance]:
    found = list[Allowance]()
    for row in rows:
        here = (_repos.c.namespace_id == row.id) & _repos.c.deleted_at.is_(None)
        limit = limits.of_account(row.kind, row.storage_max)
        found.append(Allowance(row.name, row.kind, *_sums(connection, here), limit, row.storage_max))
    return found


def _of_repos(connection: sa.Connection, limits: Limits, rows: "Sequence[sa.Row[Any]]") -> list[Allowance]:
    found = list[Allowance]()
    for row in rows:
        name = str(RepoId(RepoType(row.type), *row.full_name.split("/", 1)))
        sums = _sums(connection, _repos.c.id == row.id)
        found.append(Allowance(name, row.type, *sums, limits.of_repo(row.storage_max), row.storage_max))
    return found


def limit_account(quotas: Quotas, database: Database, account: Account, most: int | None) -> Allowance:
    """Bytes; 0 is no limit, None what the settings say. What is there already stays, whatever the limit."""
    with database.write() as connection:
        connection.execute(_accounts.update().where(_accounts.c.id == account.id).values(storage_max=most))
    return of_account(database, quotas.limits, account)


def limit_repo(repo: Repo, most: int | None) -> Allowance:
    """As `limit_account`."""
    with repo.database.write() as connection:
        connection.execute(_repos.update().where(_repos.c.id == repo.id).values(storage_max=most))
    return of_repo(repo)
