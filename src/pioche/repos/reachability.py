"""What a repo's refs lead to: the roots, and a walk over everything that is reachable from them.

Roots come from the database: every ref (branches, tags, pull requests, conversions) and, until they can no longer be
undone, the values that refs had before (the reflog). The walk is git's own, streamed: its memory does not grow with what
the caller is told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from pioche.db import schema
from pioche.errors import RevisionNotFound, Unavailable
from pioche.git import pointers as pointer_format
from pioche.git import program
from pioche.git.objects import ObjectMissing
from pioche.git.pointers import Pointer
from pioche.git.program import GitFailed
from pioche.git.snapshot import Ref, Snapshot
from pioche.git.store import GitStore, Objects
from pioche.names import Oid
from pioche.repos.access import Repo

TIDIED = "The repo was tidied up at this very moment: send this again"
_CHECK_SECONDS_MAX = 60  # a transaction waits for it
_WALK_SECONDS_MAX = 6 * 3600


@dataclass(frozen=True, slots=True)
class Roots:
    """Of one moment. `refs` are (target, commit) of what is there now, `undo` what refs were at. `stamp` is another as
    soon as any ref has moved."""

    refs: tuple[tuple[Oid, Oid], ...]
    undo: tuple[Oid, ...]
    stamp: int


def roots(connection: sa.Connection, repo_id: int, *, since: int) -> Roots:
    """`since`: moves of refs at or after it (Unix milliseconds) can still be undone."""
    refs, reflog = schema.refs, schema.reflog
    now = connection.execute(sa.select(refs.c.target, refs.c.commit).where(refs.c.repo_id == repo_id)).all()
    undone = sa.select(reflog.c.old).where(reflog.c.repo_id == repo_id, reflog.c.at >= since, reflog.c.old.is_not(None))
    current = tuple((Oid(row.target), Oid(row.commit)) for row in now)
    return Roots(current, tuple(sorted(set(connection.execute(undone).scalars()))), stamp(connection, repo_id))


def stamp(connection: sa.Connection, repo_id: int) -> int:
    """The number of the last move of a ref of this repo."""
    reflog = schema.reflog
    last = connection.execute(sa.select(sa.func.max(reflog.c.id)).where(reflog.c.repo_id == repo_id)).scalar()
    return int(last or 0)


@contextmanager
def walk(git: GitStore, uid: str, start: Roots) -> Iterator[Iterator[Oid]]:
    """Every object that is reachable from `start`, in a stored repo (`git.exists`). Raises GitFailed for a damaged one:
    then nothing is known about it. What could be undone and is gone all the same is left out."""
    with (
        Snapshot(git.scratch, git.path(uid), {}, _as_refs(git, uid, start)) as snapshot,
        program.lines(
            snapshot.path, ["rev-list", "--objects", "--no-object-names", "--all"], timeout_s=_WALK_SECONDS_MAX
        ) as lines,
    ):
        yield (Oid(line.rstrip(b"\n").decode()) for line in lines)


def _as_refs(git: GitStore, uid: str, start: Roots) -> Iterator[Ref]:
    for number, (target, commit) in enumerate(dict.fromkeys(start.refs)):
        yield Ref(f"refs/heads/r{number:08}", target, commit if commit != target else None)
    objects = git.open(uid)
    known = {commit for _, commit in start.refs}
    for number, oid in enumerate(oid for oid in start.undo if oid not in known):
        try:
            _, peeled = objects.peel(oid)
        except ObjectMissing:
            continue
        yield Ref(f"refs/undo/r{number:08}", oid, peeled if peeled != oid else None)


def check_whole(connection: sa.Connection, repo: Repo, tips: Sequence[Oid]) -> None:
    """Everything that refs moved to `tips` in this transaction lead to is stored. Raises Unavailable when it is not:
    something of it was collected since the caller looked."""
    git, refs = repo.stores.git, schema.refs
    if not tips or not git.exists(repo.uid):
        return
    others = sa.select(refs.c.target).where(refs.c.repo_id == repo.id, refs.c.target.not_in(tips)).distinct()
    known = (
        Ref(f"refs/heads/r{number:08}", Oid(oid)) for number, oid in enumerate(connection.execute(others).scalars())
    )
    with Snapshot(git.scratch, git.path(repo.uid), {}, known) as snapshot:
        arguments = ["rev-list", "--objects", "--quiet", *tips, "--not", "--all"]
        done = program.run(snapshot.path, arguments, timeout_s=_CHECK_SECONDS_MAX)
    if done.returncode:
        raise Unavailable(TIDIED)


def new_pointers(repo: Repo, commit: Oid) -> Mapping[Oid, Pointer]:
    """The LFS pointers that `commit` reaches and no ref does: what has to be held by the repo before a ref may lead there.

    Nothing for a commit of a branch. One that no ref reaches is still there until it is collected, but its large files
    may be gone. Raises RevisionNotFound when it was collected since the caller looked.
    """
    git = repo.stores.git
    if not git.exists(repo.uid):
        return {}
    with repo.database.read() as connection:
        known = schema.refs
        rows = connection.execute(sa.select(known.c.target).where(known.c.repo_id == repo.id)).scalars().all()
    refs = (Ref(f"refs/heads/r{number:08}", Oid(oid)) for number, oid in enumerate(dict.fromkeys(rows)))
    found = dict[Oid, Pointer]()
    with Snapshot(git.scratch, git.path(repo.uid), {}, refs) as snapshot:
        arguments = ["rev-list", "--objects", "--no-object-names", commit, "--not", "--all"]
        try:
            with program.lines(snapshot.path, arguments, timeout_s=_WALK_SECONDS_MAX) as lines:
                found.update(_pointers(repo, lines))
        except GitFailed:
            _check_there(git, repo.uid, commit)
            raise
    return found


def _check_there(git: GitStore, uid: str, commit: Oid) -> None:
    """With eyes that remember nothing. Raises RevisionNotFound."""
    try:
        Objects(git.path(uid), {}, scratch=git.scratch).commit(commit)
    except ObjectMissing:
        raise RevisionNotFound(commit) from None


def _pointers(repo: Repo, lines: Iterable[bytes]) -> Iterator[tuple[Oid, Pointer]]:
    """Read from git, not from the table: rows go when large files are removed from history on purpose."""
    objects = repo.objects
    for line in lines:
        oid = Oid(line.rstrip(b"\n").decode())
        if objects.kind(oid) == "blob" and objects.size(oid) < pointer_format.POINTER_BYTES_MAX:
            found = pointer_format.parse(objects.blob(oid))
            if found is not None:
                yield oid, found
