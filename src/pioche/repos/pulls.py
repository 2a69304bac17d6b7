"""Pull requests as refs: `refs/pr/N`, numbered from the sequence that they share with discussions.

The ref may be deleted once the pull request is settled; what it brought is then seen by the commit that merged it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.errors import Conflict, EntryNotFound
from pioche.git.objects import Commit, ObjectMissing
from pioche.git.pointers import Pointer
from pioche.git.reading import Change
from pioche.names import Oid
from pioche.repos import refs, threads
from pioche.repos.access import Repo
from pioche.storage.quotas import NO_GROWTH, Growth

_DIFF_BYTES_MAX = 10 * 2**20
_COMMITS_MAX = 100


def open_(
    repo: Repo,
    caller: Caller,
    opening: threads.Opening,
    commit: Oid,
    pointers: Mapping[Oid, Pointer],
    growth: Growth = NO_GROWTH,
) -> int:
    """Makes the row and the ref `refs/pr/N` at `commit` in one transaction; returns N. Raises as `refs.update` and
    `threads.start`."""
    taken = list[int]()

    def also(connection: sa.Connection) -> list[refs.RefChange]:
        number = threads.start(connection, repo.id, caller.user_id or None, opening)
        taken.append(number)
        return [refs.RefChange.to_commit(f"refs/pr/{number}", None, commit)]

    refs.update(repo, caller, refs.Update([], pointers, also, growth))
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
    """A row, as far as git is concerned. `merged_as` is the commit of the base that brought it."""

    number: int
    title: str
    status: str
    base_ref: str
    merged_as: Oid | None

    @property
    def ref(self) -> str:
        return f"refs/pr/{self.number}"


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared: `head` to `base`, since they `parted`; None where they never were together."""

    base: Oid
    head: Oid
    parted: Oid | None


def get(repo: Repo, number: int) -> Pull:
    """Raises EntryNotFound."""
    with repo.database.read() as connection:
        row = connection.execute(_select(repo).where(schema.discussions.c.number == number)).first()
    if row is None:
        raise EntryNotFound(f"There is no pull request {number}")
    return Pull(*tuple(row))


def sides(repo: Repo, pull: Pull) -> Sides | None:
    """The base as it is, or as it was when the pull request was merged. None when there is nothing to compare: its ref or its
    base was deleted, or the history that it was merged into was squashed, and collected since."""
    base, head = refs.find(repo, pull.base_ref), refs.find(repo, pull.ref)
    objects = repo.objects
    if pull.merged_as is not None:
        try:
            before = objects.commit(pull.merged_as).parents[0]
            after = head.commit if head is not None else pull.merged_as
            return Sides(before, after, objects.merge_base(before, after))
        except ObjectMissing:
            return None
    if base is None or head is None:
        return None
    return Sides(base.commit, head.commit, objects.merge_base(base.commit, head.commit))


def conflicts(repo: Repo, pull: Pull) -> list[str]:
    """The files that both sides changed, differently, since they parted."""
    compared = sides(repo, pull)
    return conflicting(repo, compared) if compared is not None and pull.merged_as is None else []


def conflicting(repo: Repo, compared: Sides) -> list[str]:
    """As `conflicts`, of two commits."""
    objects = repo.objects
    start = objects.commit(compared.parted).tree if compared.parted else None
    theirs = {change.path: change.new for change in objects.diff(start, objects.commit(compared.base).tree)}
    ours = objects.diff(start, objects.commit(compared.head).tree)
    return [change.path for change in ours if change.path in theirs and theirs[change.path] != change.new]


def changes(repo: Repo, compared: Sides) -> list[Change]:
    """The files that the pull request changes, from where it parted."""
    objects = repo.objects
    start = objects.commit(compared.parted).tree if compared.parted else None
    return list(objects.diff(start, objects.commit(compared.head).tree))


def diff(repo: Repo, pull: Pull) -> str | None:
    """What the pull request changes, from where it parted, as a unified diff. None when there is nothing to compare."""
    compared = sides(repo, pull)
    return None if compared is None else repo.objects.patch(compared.parted, compared.head, _DIFF_BYTES_MAX)


def commits_of(repo: Repo, compared: Sides) -> list[Commit]:
    """The commits that the base does not have, the oldest first; of very many the newest."""
    return repo.objects.ahead(compared.base, compared.head, limit=_COMMITS_MAX)[::-1]


# --- the end of a ref -----------------------------------------------------------------------------------------------


def delete_ref(repo: Repo, caller: Caller, number: int) -> None:
    """What only the ref led to is given back to collection. Raises EntryNotFound, RevisionNotFound, Conflict while the pull
    request is not settled."""
    pull = get(repo, number)
    if pull.status not in ("merged", "closed"):
        raise Conflict(f"This pull request is {pull.status}: close or merge it before its ref is deleted")
    found = refs.get(repo, pull.ref)
    refs.update(repo, caller, refs.Update([refs.RefChange(pull.ref, found.target, None, None)]))


def storage(repo: Repo, number: int) -> int:
    """About how many bytes of large files would be free without the ref: those that neither its base nor the default branch
    has. Raises EntryNotFound."""
    compared = sides(repo, get(repo, number))
    if compared is None:
        return 0
    brought = {change.new.oid for change in changes(repo, compared) if change.new is not None}
    return sum(pointer.size for pointer in _own_files(repo, brought).values())


def _own_files(repo: Repo, oids: set[Oid]) -> dict[str, Pointer]:
    held = set[str]()
    with repo.database.read() as connection:
        entries = schema.entries
        query = sa.select(entries.c.sha256).where(entries.c.repo_id == repo.id, entries.c.sha256.is_not(None))
        held.update(connection.execute(query).scalars())
    found = dict(refs.new_pointers(repo, sorted(oids)))
    return {pointer.sha256: pointer for pointer in found.values() if pointer.sha256 not in held}


def _select(repo: Repo) -> "sa.Select[Any]":
    table = schema.discussions
    columns = (table.c.number, table.c.title, table.c.status, table.c.base_ref, table.c.merged_as)
    return sa.select(*columns).where(table.c.repo_id == repo.id, table.c.is_pull_request.is_(True))
