"""Pull requests as refs: `refs/pr/N`, numbered from the sequence that they share with discussions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.errors import EntryNotFound
from pioche.git.pointers import Pointer
from pioche.names import Oid
from pioche.repos import refs, threads
from pioche.repos.access import Repo

_DIFF_BYTES_MAX = 10 * 2**20


def open_(repo: Repo, caller: Caller, opening: threads.Opening, commit: Oid, pointers: Mapping[Oid, Pointer]) -> int:
    """Makes the row and the ref `refs/pr/N` at `commit` in one transaction; returns N. Raises as `refs.update`."""
    taken = list[int]()

    def also(connection: sa.Connection) -> list[refs.RefChange]:
        number = threads.start(connection, repo.id, caller.user_id or None, opening)
        taken.append(number)
        return [refs.RefChange.to_commit(f"refs/pr/{number}", None, commit)]

    refs.update(repo, caller, refs.Update([], pointers, also))
    return taken[-1]


def author_of(repo: Repo, ref: str) -> int | None:
    """The account that opened the pull request of `refs/pr/N`; None when there is none."""
    number = ref.removeprefix("refs/pr/")
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        return None
    table = schema.discussions
    query = sa.select(table.c.author_id).where(table.c.repo_id == repo.id, table.c.number == int(number))
    with repo.database.read() as connection:
        found: int | None = connection.execute(query).scalar_one_or_none()
    return found


def has_opened_any(repo: Repo, caller: Caller) -> bool:
    """True when the caller opened a pull request on this repo."""
    table = schema.discussions
    mine = (table.c.repo_id == repo.id) & (table.c.author_id == caller.user_id) & table.c.is_pull_request
    with repo.database.read() as connection:
        return connection.execute(sa.select(table.c.number).where(mine).limit(1)).first() is not None


# --- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pull:
    """A row. `author` is None when the account is gone; `created_at` is Unix milliseconds; `merged_as` the commit of the
    base that brought it."""

    number: int
    title: str
    status: str
    author: str | None
    base_ref: str
    created_at: int
    merged_as: Oid | None

    @property
    def ref(self) -> str:
        return f"refs/pr/{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which ones to list; None is any. `statuses` as stored."""

    statuses: tuple[str, ...] | None = None
    author: str | None = None
    skip: int = 0
    limit: int = 50


def get(repo: Repo, number: int) -> Pull:
    """Raises EntryNotFound."""
    with repo.database.read() as connection:
        row = connection.execute(_select(repo).where(schema.discussions.c.number == number)).first()
    if row is None:
        raise EntryNotFound(f"There is no pull request {number}")
    return Pull(*tuple(row))


def list_(repo: Repo, wanted: Wanted) -> tuple[list[Pull], int]:
    """One page, the newest first, and how many there are in all."""
    query = _select(repo)
    if wanted.statuses is not None:
        query = query.where(schema.discussions.c.status.in_(wanted.statuses))
    if wanted.author is not None:
        query = query.where(schema.accounts.c.name_key == wanted.author.lower())
    newest = query.order_by(schema.discussions.c.number.desc()).offset(wanted.skip).limit(wanted.limit)
    with repo.database.read() as connection:
        total = connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
        return [Pull(*tuple(row)) for row in connection.execute(newest)], int(total)


def log(repo: Repo, pull: Pull) -> list[threads.Shown]:
    """What was said and done in it, the oldest first."""
    with repo.database.read() as connection:
        return threads.entries(connection, repo.id, pull.number)


def conflicts(repo: Repo, pull: Pull) -> list[str]:
    """The files that both sides changed, differently, since they parted."""
    objects = repo.objects
    base, head = refs.get(repo, pull.base_ref).commit, refs.get(repo, pull.ref).commit
    parted = objects.merge_base(base, head)
    start = objects.commit(parted).tree if parted else None
    theirs = {change.path: change.new for change in objects.diff(start, objects.commit(base).tree)}
    ours = objects.diff(start, objects.commit(head).tree)
    return [change.path for change in ours if change.path in theirs and theirs[change.path] != change.new]


def diff(repo: Repo, pull: Pull) -> str:
    """What the pull request changes, from where it parted, as a unified diff."""
    base, head = refs.get(repo, pull.base_ref).commit, refs.get(repo, pull.ref).commit
    return repo.objects.patch(repo.objects.merge_base(base, head), head, _DIFF_BYTES_MAX)


def _select(repo: Repo) -> "sa.Select[Any]":
    table, accounts = schema.discussions, schema.accounts
    columns = (table.c.number, table.c.title, table.c.status, accounts.c.name, table.c.base_ref)
    joined = table.outerjoin(accounts, accounts.c.id == table.c.author_id)
    here = sa.and_(table.c.repo_id == repo.id, table.c.is_pull_request.is_(True))
    return sa.select(*columns, table.c.created_at, table.c.merged_as).select_from(joined).where(here)
