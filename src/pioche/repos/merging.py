"""Closing, publishing and merging pull requests. A merge is one commit on the base, as on the public Hub: titled
`<title> (#<number>)`, with what the pull request changed since it parted from its base.

The ref, the status and the number of the merge commit change in one transaction: a pull request is merged once, and its
status agrees with its base whenever anybody looks (reliability.md A7, C9).
"""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.errors import Conflict, Forbidden, StaleParent, Unprocessable
from pioche.git import objects as git_objects
from pioche.git.objects import Commit, NewObject, object_id
from pioche.git.reading import Change
from pioche.git.trees import edit
from pioche.names import Oid
from pioche.repos import commits, pulls, refs
from pioche.repos.access import Repo
from pioche.repos.pulls import Pull


class StatusChange(NamedTuple):
    """`at` in Unix milliseconds."""

    status: str
    at: int


_ATTEMPTS = 20
_LISTED_MAX = 100
_table = schema.discussions


def change_status(repo: Repo, number: int, status: str) -> StatusChange:
    """To `open` (which also publishes a draft) or `closed`.

    Raises EntryNotFound, Conflict once it is merged.
    """
    pulls.get(repo, number)
    with repo.database.write() as connection:
        here = (_table.c.repo_id == repo.id) & (_table.c.number == number)
        done = _table.update().where(here, _table.c.status != "merged").values(status=status).returning(_table.c.number)
        if connection.execute(done).first() is None:
            raise Conflict("This pull request is merged: its status stays")
    return StatusChange(status, now_ms())


def merge(repo: Repo, caller: Caller, number: int) -> Oid:
    """Returns the new commit of the base. Raises EntryNotFound, Conflict when it is not open (any more) or both sides changed
    a file, Forbidden for a draft."""
    for _ in range(_ATTEMPTS):
        pull = pulls.get(repo, number)
        _check_open(pull.status)
        try:
            return _attempt(repo, caller, pull)
        except StaleParent:
            continue  # one of both refs moved: look at what is there now
    raise StaleParent


def _attempt(repo: Repo, caller: Caller, pull: Pull) -> Oid:
    objects = repo.objects
    base, head = refs.get(repo, pull.base_ref).commit, refs.get(repo, pull.ref).commit
    if conflicting := pulls.conflicts(repo, pull):
        raise Conflict(f"Both sides changed {', '.join(conflicting[:10])}: bring the base into the pull request first")
    parted = objects.merge_base(base, head)
    changes = list(objects.diff(objects.commit(parted).tree if parted else None, objects.commit(head).tree))
    root, new = _merged_tree(repo, base, changes)
    author = commits.signature(caller)
    data = git_objects.build_commit(root, [base], author, author, _message(pull, _brought(repo, parted, head)))
    repo.stores.git.write(repo.uid, [*new, ("commit", data)], repo.genesis.objects())
    merged = object_id("commit", data)

    def also(connection: sa.Connection) -> list[refs.RefChange]:
        _close(connection, repo, pull, head, merged)
        return []

    refs.update(repo, caller, refs.Update([refs.RefChange.to_commit(pull.base_ref, base, merged)], also=also))
    return merged


def _close(connection: sa.Connection, repo: Repo, pull: Pull, head: Oid, merged: Oid) -> None:
    """In the transaction that moves the base. Raises StaleParent when the pull request has moved since, Conflict when it is
    not open any more."""
    here = (schema.refs.c.repo_id == repo.id) & (schema.refs.c.name == pull.ref)
    if connection.execute(sa.select(schema.refs.c.target).where(here)).scalar() != head:
        raise StaleParent
    mine = (_table.c.repo_id == repo.id) & (_table.c.number == pull.number)
    values = {"status": "merged", "merged_as": merged}
    done = _table.update().where(mine, _table.c.status == "open").values(values).returning(_table.c.number)
    if connection.execute(done).first() is None:
        _check_open(connection.execute(sa.select(_table.c.status).where(mine)).scalar_one())


def _check_open(status: str) -> None:
    if status == "draft":
        raise Forbidden("This pull request is a draft: publish it first, by setting its status to open")
    if status != "open":
        raise Conflict(f"This pull request is {status} already")


def _merged_tree(repo: Repo, base: Oid, changes: Sequence[Change]) -> tuple[Oid, list[NewObject]]:
    """Raises Conflict where a file of one side stands in the way of a folder of the other."""
    added = {change.path: (change.new.mode, change.new.oid) for change in changes if change.new is not None}
    removed = [change.path for change in changes if change.new is None]
    try:
        return edit(repo.objects, repo.objects.commit(base).tree, added, removed)
    except Unprocessable as error:
        raise Conflict(f"The two sides cannot be joined: {error.message}") from None


def _brought(repo: Repo, parted: Oid | None, head: Oid) -> list[Commit]:
    """The commits of the pull request, the oldest first."""
    found = list[Commit]()
    for commit in repo.objects.log(head, limit=_LISTED_MAX):
        if commit.oid == parted:
            break
        found.append(commit)
    return found[::-1]


def _message(pull: Pull, brought: Sequence[Commit]) -> str:
    """As the public Hub words it: what came, and whose work it was."""
    lines = [f"{pull.title} (#{pull.number})", "", *(f"- {commit.title} ({commit.oid})" for commit in brought), ""]
    people = dict.fromkeys(f"Co-authored-by: {commit.author.name} <{commit.author.email}>" for commit in brought)
    return "\n".join([*lines, *people]) + "\n"
