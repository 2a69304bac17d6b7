"""Commits, branches and tags of a repo."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.errors import InvalidReference, RevisionNotFound
from pioche.events import Event
from pioche.git.objects import Commit, build_commit, build_tag, object_id
from pioche.git.pointers import Pointer
from pioche.jobs import outbox
from pioche.names import Oid, parse_ref_part
from pioche.repos import commits, reachability, refs, revisions
from pioche.repos.access import Repo
from pioche.repos.revisions import Revision

_CO_AUTHOR = "co-authored-by:"
DIFF_BYTES_MAX = 10 * 2**20


@dataclass(frozen=True, slots=True)
class CommitPage:
    """Newest first; `total` counts all commits that the revision reaches."""

    commits: list[Commit]
    total: int


def log(repo: Repo, revision: Revision, *, skip: int, limit: int) -> CommitPage:
    """The commits that `revision` reaches."""
    objects = repo.objects
    found = list(objects.log(revision.commit, skip=skip, limit=limit))
    return CommitPage(found, objects.count(revision.commit))


def authors(commit: Commit) -> Iterator[str]:
    """The author, then whom the `Co-authored-by` trailers name."""
    yield commit.author.name
    # Line by line: a regular expression for `name <` takes quadratic time on a long line of blanks.
    for line in commit.message.splitlines():
        if line[: len(_CO_AUTHOR)].lower() == _CO_AUTHOR:
            name, bracket, _ = line[len(_CO_AUTHOR) :].partition("<")
            if bracket and name.strip():
                yield name.strip()


def compare(repo: Repo, first: str, second: str) -> str:
    """The unified diff between two revisions, cut at 10 MiB. Raises RevisionNotFound."""
    old, new = revisions.resolve_sync(repo, first), revisions.resolve_sync(repo, second)
    return repo.objects.patch(old.commit, new.commit, DIFF_BYTES_MAX)


# --- branches and tags ----------------------------------------------------------------------------------------------


def create_branch(repo: Repo, caller: Caller, branch: str, starting_point: str | None) -> None:
    """Raises InvalidReference, AlreadyExists, RevisionNotFound (the starting point)."""
    name = parse_ref_part(branch, what="branch")
    start = revisions.resolve_sync(repo, starting_point or "main")
    change = refs.RefChange.to_commit(f"refs/heads/{name}", None, start.commit)
    refs.update(repo, caller, refs.Update([change], _large_files(repo, start)))


def delete_branch(repo: Repo, caller: Caller, branch: str) -> None:
    """Raises RevisionNotFound, Forbidden for the default branch."""
    if branch.startswith("refs/"):
        raise InvalidReference(f"Invalid reference for a branch: {branch[:100]!r}")
    _delete(repo, caller, f"refs/heads/{branch}")


def create_tag(repo: Repo, caller: Caller, revision: str, tag: str, message: str | None) -> None:
    """Annotated when there is a message. Raises InvalidReference, AlreadyExists, RevisionNotFound."""
    found = revisions.resolve_sync(repo, revision)
    commit = found.commit
    name = parse_ref_part(tag, what="tag")
    target = commit if not message else _write_tag(repo, caller, commit, name, message)
    change = refs.RefChange(f"refs/tags/{name}", None, target, commit)
    refs.update(repo, caller, refs.Update([change], _large_files(repo, found)))


def delete_tag(repo: Repo, caller: Caller, tag: str) -> None:
    """Raises RevisionNotFound."""
    _delete(repo, caller, f"refs/tags/{tag}")


def squash(repo: Repo, caller: Caller, branch: str, message: str) -> Oid:
    """One commit without a parent, with the files of `branch`, takes its place; a full ref such as `refs/pr/1` may be named.

    Raises RevisionNotFound, StaleParent.
    """
    ref = refs.get(repo, branch if branch.startswith("refs/pr/") else f"refs/heads/{branch}")
    author = commits.signature(caller)
    data = build_commit(repo.objects.commit(ref.commit).tree, [], author, author, message)
    repo.stores.git.write(repo.uid, [("commit", data)], repo.genesis.objects())
    oid = object_id("commit", data)

    def also(connection: sa.Connection) -> Sequence[refs.RefChange]:
        told = {"id": str(repo.repo_id), "ref": ref.name}
        outbox.append(connection, Event("repo.super_squash", repo.id, caller.user_id or None, told))
        return ()

    refs.update(repo, caller, refs.Update([refs.RefChange.to_commit(ref.name, ref.commit, oid)], also=also))
    return oid


def _large_files(repo: Repo, revision: Revision) -> Mapping[Oid, Pointer]:
    """What a ref at `revision` adds to what the repo must hold: something only where no ref has led so far."""
    return {} if revision.ref is not None or revision.is_tip else reachability.new_pointers(repo, revision.commit)


def _write_tag(repo: Repo, caller: Caller, commit: Oid, name: str, message: str) -> Oid:
    data = build_tag(commit, "commit", name, commits.signature(caller), message)
    repo.stores.git.write(repo.uid, [("tag", data)], repo.genesis.objects())
    return object_id("tag", data)


def _delete(repo: Repo, caller: Caller, name: str) -> None:
    found = refs.find(repo, name)
    if found is None:
        raise RevisionNotFound(name.split("/", 2)[2])
    refs.update(repo, caller, refs.Update([refs.RefChange(name, found.target, None, None)]))
