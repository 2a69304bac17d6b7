"""Merging pull requests. A merge is one commit on the base, as on the public Hub: titled
`<title> (#<number>)`, with what the pull request changed since it parted from its base.

The ref, the status and the number of the merge commit change in one transaction: a pull request is merged once, and its
status agrees with its base whenever anybody looks (reliability.md A7, C9).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.errors import Conflict, Forbidden, StaleParent, Unprocessable
from pioche.git import objects as git_objects
from pioche.git.objects import Commit, NewObject, object_id
from pioche.git.reading import Change
from pioche.git.trees import edit
from pioche.names import Oid
from pioche.repos import commits, pulls, refs, threads
from pioche.repos.access import Repo
from pioche.repos.pulls import Pull
from pioche.repos.threads import Entry, Kind

_ATTEMPTS = 20
_LISTED_MAX = 100
_table = schema.discussions


@dataclass(frozen=True, slots=True)
class Wish:
    """How to merge. `squash`: one commit with one parent, as the public Hub makes it; otherwise a commit that joins both
    histories. `message` is the title of the commit, `comment` what is said in the thread."""

    squash: bool = True
    message: str | None = None
    comment: str | None = None


_PLAIN = Wish()


def merge(repo: Repo, caller: Caller, number: int, wish: Wish = _PLAIN) -> Oid:
    """Returns the new commit of the base. Raises EntryNotFound, Conflict when it is not open (any more) or both sides changed
    a file, Forbidden for a draft, RevisionNotFound when its base is gone."""
    for _ in range(_ATTEMPTS):
        pull = pulls.get(repo, number)
        _check_open(pull.status)
        try:
            return _attempt(repo, caller, pull, wish)
        except StaleParent:
            continue  # one of both refs moved: look at what is there now
    raise StaleParent


def _attempt(repo: Repo, caller: Caller, pull: Pull, wish: Wish) -> Oid:
    objects = repo.objects
    base, head = refs.get(repo, pull.base_ref).commit, refs.get(repo, pull.ref).commit
    compared = pulls.Sides(base, head, objects.merge_base(base, head))
    if conflicting := pulls.conflicting(repo, compared):
        raise Conflict(f"Both sides changed {', '.join(conflicting[:10])}: bring the base into the pull request first")
    root, new = _merged_tree(repo, base, pulls.changes(repo, compared))
    author = commits.signature(caller)
    message = _message(pull, objects.ahead(base, head, limit=_LISTED_MAX)[::-1], wish)
    data = git_objects.build_commit(root, [base] if wish.squash else [base, head], author, author, message)
    repo.stores.git.write(repo.uid, [*new, ("commit", data)], repo.genesis.objects())
    merged = object_id("commit", data)

    def also(connection: sa.Connection) -> list[refs.RefChange]:
        _settle(connection, repo, pull, head, merged)
        _tell(connection, repo, caller, pull, wish)
        return []

    refs.update(repo, caller, refs.Update([refs.RefChange.to_commit(pull.base_ref, base, merged)], also=also))
    return merged


def _settle(connection: sa.Connection, repo: Repo, pull: Pull, head: Oid, merged: Oid) -> None:
    """In the transaction that moves the base. Raises StaleParent when the pull request has moved since, Conflict when it is
    not open any more."""
    row = threads.lock(connection, repo.id, pull.number)
    here = (schema.refs.c.repo_id == repo.id) & (schema.refs.c.name == pull.ref)
    if connection.execute(sa.select(schema.refs.c.target).where(here)).scalar() != head:
        raise StaleParent
    _check_open(row.status)
    mine = (_table.c.repo_id == repo.id) & (_table.c.number == pull.number)
    connection.execute(_table.update().where(mine).values(status="merged", merged_as=merged))


def _tell(connection: sa.Connection, repo: Repo, caller: Caller, pull: Pull, wish: Wish) -> None:
    entries = [Entry(Kind.COMMENT, text=wish.comment)] if wish.comment else []
    for entry in (*entries, Entry(Kind.STATUS, {"status": "merged"})):
        threads.add(connection, repo.id, pull.number, caller.user_id or None, entry)


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


def _message(pull: Pull, brought: Sequence[Commit], wish: Wish) -> str:
    """As the public Hub words it: what came, and whose work it was."""
    title = wish.message or f"{pull.title} (#{pull.number})"
    lines = [title, "", *(f"- {commit.title} ({commit.oid})" for commit in brought), ""]
    people = dict.fromkeys(f"Co-authored-by: {commit.author.name} <{commit.author.email}>" for commit in brought)
    return "\n".join([*lines, *people]) + "\n"
