"""A repo's large files as such: which there are, removing them for good, and giving them to another repo.

Removing is the one change that reaches into history: the pointers go from every commit of every ref, and the link to
the content with them, so that collection may free the bytes. Clients of old commits ask for what is no more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.dialect import insert_rows
from pioche.db.instance import now_ms
from pioche.errors import RepoNotFound, StaleParent
from pioche.events import Event
from pioche.git import program
from pioche.git.rewriting import Rewriting
from pioche.git.snapshot import Ref as SnapshotRef
from pioche.git.snapshot import Snapshot
from pioche.jobs import outbox
from pioche.names import DEFAULT_REF, Oid, Sha256
from pioche.repos import duplication, refs
from pioche.repos.access import Repo
from pioche.repos.refs import RefChange, Update
from pioche.storage import admission

_ATTEMPTS = 10
_BATCH = 500
_TOLD_MAX = 100
"""Of the files that were removed at once, so many are named in the event."""
_HISTORY_TIMEOUT_S = 60

_contents, _links, _pointers = schema.contents, schema.repo_contents, schema.pointers


@dataclass(frozen=True, slots=True)
class LargeFile:
    """`path` is where it lies or lay; empty for one that no commit names. `ref` is a ref whose tip has it.

    `pushed_at` is Unix milliseconds.
    """

    sha256: Sha256
    size: int
    pushed_at: int
    path: str = ""
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """By sha256. `next_after` is what to give as `after` for those that follow."""

    files: list[LargeFile]
    next_after: Sha256 | None


def listing(repo: Repo, *, after: str = "", limit: int = 1000) -> Page:
    """Everything large that the repo holds, whatever revision it is in."""
    query = (
        sa.select(_contents.c.sha256, _contents.c.size, _links.c.created_at)
        .join(_links, _links.c.sha256 == _contents.c.sha256)
        .where(_links.c.repo_id == repo.id, _contents.c.sha256 > after)
        .order_by(_contents.c.sha256)
        .limit(limit + 1)
    )
    with repo.database.read() as connection:
        rows = connection.execute(query).all()
    page = rows[:limit]
    places = _places(repo, [Sha256(row.sha256) for row in page])
    files = [
        LargeFile(Sha256(row.sha256), row.size, row.created_at, *places.get(Sha256(row.sha256), ("", None)))
        for row in page
    ]
    return Page(files, files[-1].sha256 if len(rows) > limit else None)


# --- where do they lie? ---------------------------------------------------------------------------------------------


def _places(repo: Repo, wanted: Sequence[Sha256]) -> dict[Sha256, tuple[str, str | None]]:
    """A path and a ref of each: of the default branch first, then of other refs, then a path somewhere in history."""
    found = {sha256: (path, DEFAULT_REF) for sha256, path in _at_tip(repo, set(wanted))}
    of_blob = _blobs(repo, [sha256 for sha256 in wanted if sha256 not in found])
    if not of_blob:
        return dict[Sha256, tuple[str, str | None]](found)
    every = refs.all_refs(repo)
    elsewhere = dict[Sha256, tuple[str, str | None]](found)
    for path, blob, ref in _at_other_tips(repo, every):
        if blob in of_blob:
            elsewhere.setdefault(of_blob[blob], (path, ref))
    missing = {blob: sha256 for blob, sha256 in of_blob.items() if sha256 not in elsewhere}
    for blob, path in _in_history(repo, every, missing):
        elsewhere.setdefault(missing[blob], (path, None))
    return elsewhere


def _at_tip(repo: Repo, wanted: set[Sha256]) -> Iterator[tuple[Sha256, str]]:
    entries = schema.entries
    query = sa.select(entries.c.sha256, entries.c.path).where(
        entries.c.repo_id == repo.id, entries.c.sha256.is_not(None)
    )
    with repo.database.read() as connection:
        for row in connection.execute(query):
            if row.sha256 in wanted:
                yield Sha256(row.sha256), row.path


def _blobs(repo: Repo, sha256s: Sequence[Sha256]) -> dict[Oid, Sha256]:
    """The git blobs that are pointers to these files."""
    found = dict[Oid, Sha256]()
    with repo.database.read() as connection:
        for start in range(0, len(sha256s), _BATCH):
            batch = sha256s[start : start + _BATCH]
            query = sa.select(_pointers.c.oid, _pointers.c.sha256).where(
                _pointers.c.repo_id == repo.id, _pointers.c.sha256.in_(batch)
            )
            found.update((Oid(row.oid), Sha256(row.sha256)) for row in connection.execute(query))
    return found


def _at_other_tips(repo: Repo, every: Sequence[refs.Ref]) -> Iterator[tuple[str, Oid, str]]:
    """Path, blob and ref of the files in which a ref's tip differs from the default branch."""
    objects = repo.objects
    main = next((objects.commit(ref.commit).tree for ref in every if ref.name == DEFAULT_REF), None)
    for ref in every:
        if ref.name != DEFAULT_REF:
            for change in objects.diff(main, objects.commit(ref.commit).tree):
                if change.new is not None:
                    yield change.path, change.new.oid, ref.name


def _in_history(repo: Repo, every: Sequence[refs.Ref], wanted: Mapping[Oid, Sha256]) -> Iterator[tuple[Oid, str]]:
    if not wanted:
        return
    shown = [SnapshotRef(ref.name, ref.target) for ref in every]
    git = repo.stores.git
    with (
        Snapshot(git.scratch, git.path(repo.uid), repo.genesis.objects(), shown) as snapshot,
        program.lines(snapshot.path, ["rev-list", "--objects", "--all"], timeout_s=_HISTORY_TIMEOUT_S) as lines,
    ):
        missing = set(wanted)
        for line in lines:
            oid, _, path = line.rstrip(b"\n").decode("utf-8", "replace").partition(" ")
            if Oid(oid) in missing:
                missing.discard(Oid(oid))
                yield Oid(oid), path
                if not missing:
                    return


# --- removing -------------------------------------------------------------------------------------------------------


def remove(repo: Repo, caller: Caller, sha256s: Sequence[Sha256], *, rewrite_history: bool) -> None:
    """The repo holds these large files no more; those that it did not hold are no error.

    With `rewrite_history` no commit names them afterwards; without, commits do, and reading such a file says that it was
    removed. Raises StaleParent when others keep pushing meanwhile, RepoNotFound when the repo is gone.
    """
    if not rewrite_history:
        with repo.database.write() as connection:
            _unlink(connection, repo, caller, sha256s)
            return
    for attempt in range(_ATTEMPTS):
        try:
            _rewrite(repo, caller, sha256s)
            return
        except StaleParent:
            if attempt == _ATTEMPTS - 1:
                raise


def _rewrite(repo: Repo, caller: Caller, sha256s: Sequence[Sha256]) -> None:
    rewriting = Rewriting(repo.objects, _blobs(repo, sha256s))
    changes = list[RefChange]()
    for ref in refs.all_refs(repo):
        target = rewriting.target(ref.target)
        if target != ref.target:
            changes.append(RefChange(ref.name, ref.target, target, rewriting.commit(ref.commit)))
    if rewriting.new:
        repo.stores.git.write(repo.uid, rewriting.new, repo.genesis.objects())

    def unlink(connection: sa.Connection) -> Sequence[RefChange]:
        _unlink(connection, repo, caller, sha256s)
        for start in range(0, len(sha256s), _BATCH):
            here = (_pointers.c.repo_id == repo.id) & _pointers.c.sha256.in_(sha256s[start : start + _BATCH])
            connection.execute(_pointers.delete().where(here))
        return ()

    refs.update(repo, caller, Update(changes, also=unlink))


def _unlink(connection: sa.Connection, repo: Repo, caller: Caller, sha256s: Sequence[Sha256]) -> None:
    repos, at = schema.repos, now_ms()
    query = sa.select(repos.c.used_storage).where(repos.c.id == repo.id).with_for_update()
    used = connection.execute(query).scalar()
    if used is None:
        raise RepoNotFound
    removed = list[str]()
    for start in range(0, len(sha256s), _BATCH):
        batch = sha256s[start : start + _BATCH]
        here = (_links.c.repo_id == repo.id) & _links.c.sha256.in_(batch)
        gone = connection.execute(_links.delete().where(here).returning(_links.c.sha256)).scalars().all()
        admission.forget(connection, repo.id, gone)
        removed += gone
        # A client that is told a Xet hash asks for nothing else, and does not understand that there is nothing.
        named = (schema.entries.c.repo_id == repo.id) & schema.entries.c.sha256.in_(gone)
        connection.execute(schema.entries.update().where(named).values(xet_hash=None))
        rows = [{"repo_id": repo.id, "sha256": sha256, "by_id": caller.user_id or None, "at": at} for sha256 in gone]
        insert_rows(connection, schema.removed_contents, rows)
        known = _pointers.c.repo_id == repo.id, _pointers.c.sha256.in_(gone)
        counted = sa.select(_pointers.c.sha256, _pointers.c.size).distinct().where(*known).subquery()
        used -= connection.execute(sa.select(sa.func.coalesce(sa.func.sum(counted.c.size), 0))).scalar_one()
    _unlink_xorbs(connection, repo)
    connection.execute(
        repos.update().where(repos.c.id == repo.id).values(used_storage=max(0, int(used)), updated_at=at)
    )
    if removed:
        told = {"id": str(repo.repo_id), "count": len(removed), "sha256": removed[:_TOLD_MAX]}
        outbox.append(connection, Event("repo.delete_lfs_file", repo.id, caller.user_id or None, told))


def _unlink_xorbs(connection: sa.Connection, repo: Repo) -> None:
    """Those that no file of the repo is made of any more."""
    held, parts = schema.repo_xorbs, schema.xet_file_xorbs
    needed = (
        sa.select(parts.c.xorb)
        .join(_contents, _contents.c.xet_hash == parts.c.file)
        .join(_links, _links.c.sha256 == _contents.c.sha256)
        .where(_links.c.repo_id == repo.id)
    )
    connection.execute(held.delete().where(held.c.repo_id == repo.id, held.c.hash.not_in(needed)))


# --- giving to another repo -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to copy, named by one of its hashes or both."""

    sha256: Sha256 | None
    xet_hash: str | None


def duplicate(source: Repo, target: Repo, caller: Caller, wanted: Sequence[Wanted]) -> list[Wanted]:
    """Links large files of `source`, which was opened for its content, to `target`; returns those that it has not.

    Raises RepoNotFound when the target is gone, Forbidden where the owners of the source want no duplicates: only they may
    copy its files to other repos of theirs.
    """
    if target.namespace_id != source.namespace_id:
        duplication.check(source)
    held = _held(source, wanted)
    found = [held.get(want.sha256 or want.xet_hash or "") for want in wanted]
    fits = [
        content is not None and want.xet_hash in (None, content[1]) for want, content in zip(wanted, found, strict=True)
    ]
    links = [content[0] for content, fit in zip(found, fits, strict=True) if content is not None and fit]
    try:
        with target.database.write() as connection:
            target.stores.contents.link(connection, target.id, caller.user_id, sorted(links))
    except sa.exc.IntegrityError:
        raise RepoNotFound from None
    return [want for want, fit in zip(wanted, fits, strict=True) if not fit]


def _held(source: Repo, wanted: Sequence[Wanted]) -> dict[str, tuple[Sha256, str | None]]:
    """What the repo holds of them, by sha256 and by Xet hash."""
    found = dict[str, tuple[Sha256, str | None]]()
    query = (
        sa.select(_contents.c.sha256, _contents.c.xet_hash)
        .join(_links, _links.c.sha256 == _contents.c.sha256)
        .where(_links.c.repo_id == source.id)
    )
    with source.database.read() as connection:
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            named = _contents.c.sha256.in_([want.sha256 for want in batch if want.sha256])
            chunked = _contents.c.xet_hash.in_([want.xet_hash for want in batch if want.xet_hash])
            for row in connection.execute(query.where(named | chunked)):
                found[row.sha256] = Sha256(row.sha256), row.xet_hash
                found.setdefault(row.xet_hash or row.sha256, (Sha256(row.sha256), row.xet_hash))
    return found
