"""Pull requests as refs: `refs/pr/N`, numbered from the sequence that they share with discussions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.errors import AlreadyExists, NotFound, StaleParent
from pioche.git.pointers import Pointer
from pioche.names import Oid
from pioche.repos import numbers, refs, revisions
from pioche.repos.access import Repo

_ATTEMPTS = 20
_DIFF_BYTES_MAX = 10 * 2**20


@dataclass(frozen=True, slots=True)
class Opening:
    """What a new pull request says. `status` is `draft` or `open`."""

    title: str
    description: str
    base_ref: str
    status: str


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request. `author` is None when the account is gone; `created_at` is Unix milliseconds."""

    number: int
    title: str
    description: str
    status: str
    author: str | None
    base_ref: str
    created_at: int


def draft(repo: Repo, caller: Caller, title: str, description: str) -> int:
    """Opens a pull request against the default branch that changes nothing yet: commits to its ref follow."""
    base = revisions.resolve_sync(repo, "main")
    return open_(repo, caller, Opening(title, description, "refs/heads/main", "draft"), base.commit, {})


def get(repo: Repo, number: int) -> Pull:
    """Raises NotFound."""
    with repo.database.read() as connection:
        row = connection.execute(_select(repo).where(schema.discussions.c.number == number)).one_or_none()
    if row is None:
        raise NotFound(f"There is no discussion {number} in this repo")
    return Pull(*row)


def all_(repo: Repo) -> list[Pull]:
    """Newest first."""
    with repo.database.read() as connection:
        rows = connection.execute(_select(repo).order_by(schema.discussions.c.number.desc())).all()
    return [Pull(*row) for row in rows]


def diff(repo: Repo, pull: Pull) -> str:
    """What the pull request changes since it left its base, as unified diff text, cut at 10 MiB."""
    commit = refs.get(repo, f"refs/pr/{pull.number}").commit
    base = revisions.resolve_sync(repo, pull.base_ref).commit
    return repo.objects.patch(repo.objects.merge_base(base, commit), commit, _DIFF_BYTES_MAX)


def _select(repo: Repo) -> sa.Select[Any]:
    pulls, accounts = schema.discussions.c, schema.accounts.c
    columns = (pulls.number, pulls.title, pulls.description, pulls.status, accounts.name, pulls.base_ref)
    joined = schema.discussions.outerjoin(schema.accounts, accounts.id == pulls.author_id)
    query = sa.select(*columns, pulls.created_at).select_from(joined)
    return query.where(pulls.repo_id == repo.id, pulls.is_pull_request)


def open_(repo: Repo, caller: Caller, opening: Opening, commit: Oid, pointers: Mapping[Oid, Pointer]) -> int:
    """Makes the row and the ref `refs/pr/N` at `commit` in one transaction; returns N."""
    for _ in range(_ATTEMPTS):
        expected = _last_number(repo) + 1

        def also(connection: sa.Connection, number: int = expected) -> None:
            if numbers.take(connection, repo.id) != number:
                raise AlreadyExists("Another discussion took this number")
            connection.execute(schema.discussions.insert().values(_row(repo, caller, opening, number)))

        change = refs.RefChange.to_commit(f"refs/pr/{expected}", None, commit)
        try:
            refs.update(repo, caller, refs.Update([change], pointers, also))
        except AlreadyExists:
            continue  # somebody opened one between the look and the transaction
        return expected
    raise StaleParent


def author_of(repo: Repo, ref: str) -> int | None:
    """The account that opened the pull request of `refs/pr/N`; None when there is none."""
    number = ref.removeprefix("refs/pr/")
    if not number.isdigit() or len(number) > 9:
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


def _last_number(repo: Repo) -> int:
    with repo.database.read() as connection:
        query = sa.select(schema.repos.c.last_number).where(schema.repos.c.id == repo.id)
        return int(connection.execute(query).scalar_one())


def _row(repo: Repo, caller: Caller, opening: Opening, number: int) -> dict[str, object]:
    texts = {"title": opening.title, "description": opening.description, "status": opening.status}
    origin = {"author_id": caller.user_id or None, "base_ref": opening.base_ref, "created_at": now_ms()}
    return {"repo_id": repo.id, "number": number, "is_pull_request": True, **texts, **origin}
