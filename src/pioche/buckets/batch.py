"""The one way in: files added, copied and deleted, many in one call. Each succeeds or is refused by itself.

Knowing a hash gives nothing (invariant I5): what is added was uploaded to this bucket, or is in it already; what is
copied is in a repo that the caller may read.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.buckets import changes
from pioche.buckets.changes import Change
from pioche.buckets.files import EMPTY_XET_HASH
from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.db.instance import now_ms
from pioche.errors import Failure, HubError, RepoNotFound
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import EntryPath, RepoId, Sha256
from pioche.repos.access import Access, Action, Repo
from pioche.storage import admission, collection
from pioche.storage.contents import insert_links

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Add:
    """`mtime` is Unix milliseconds. `source` None: uploaded to the bucket; else the repo or bucket to copy from."""

    path: EntryPath
    xet_hash: str
    mtime: int | None
    source: RepoId | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """An absent file is as good as a deleted one."""

    path: EntryPath


Operation = Add | Delete


@dataclass(frozen=True, slots=True)
class Refused:
    """`error` is for the person who sees it."""

    path: str
    error: str


@dataclass(frozen=True, slots=True)
class _Held:
    """A content that the caller may use here."""

    size: int
    sha256: Sha256 | None


@dataclass(frozen=True, slots=True)
class _Written:
    """`added` in bytes; less than none where more was deleted."""

    changes: list[Change]
    added: int


def apply(access: Access, caller: Caller, bucket: Repo, operations: Sequence[Operation]) -> list[Refused]:
    """Applies what can be applied, in order, at once; returns what was refused. `bucket` is opened for WRITE.

    Raises RepoNotFound when the bucket was deleted meanwhile, QuotaExceeded.
    """
    sources, refusals = _open_sources(access, caller, operations)
    bounds = bucket.stores.quotas.bounds(bucket.id)
    try:
        with bucket.database.write() as connection:
            collection.keep_out(connection)
            _lock(connection, bucket)
            held = _held(connection, bucket, sources, operations)
            wanted, refused = _decide(operations, held, refusals)
            copied = [o for o in operations if isinstance(o, Add) and o.source is not None and wanted.get(o.path) is o]
            _link(connection, bucket, caller, [(o.xet_hash, held[o.source, o.xet_hash]) for o in copied])
            written = _write(connection, bucket, wanted, held)
            if bounds is not None:
                keys = [one.sha256 for one in held.values() if one.sha256 is not None]
                admission.admit(connection, bounds, bucket.id, caller.user_id, written.added, keys)
            _count(connection, bucket, written.added)
            if wanted:
                payload = changes.payload(written.changes)
                outbox.append(connection, Event(changes.KIND, bucket.id, caller.user_id, payload))
    except sa.exc.IntegrityError:
        raise RepoNotFound from None
    return refused


def _lock(connection: sa.Connection, bucket: Repo) -> None:
    """Raises RepoNotFound for a bucket that was deleted since it was opened."""
    repos = schema.repos
    query = sa.select(repos.c.id).where(repos.c.id == bucket.id, repos.c.deleted_at.is_(None))
    if connection.execute(query.with_for_update()).first() is None:
        raise RepoNotFound


def _open_sources(
    access: Access, caller: Caller, operations: Iterable[Operation]
) -> tuple[dict[RepoId, Repo], dict[RepoId, str]]:
    """The repos to copy from, and why others cannot be copied from."""
    opened, refused = dict[RepoId, Repo](), dict[RepoId, str]()
    for source in {o.source: None for o in operations if isinstance(o, Add) and o.source is not None}:
        try:
            opened[source] = access.open_sync(caller, source, Action.CONTENT)
        except Failure:
            raise
        except HubError as error:
            refused[source] = f"{source}: {error.message}"
    return opened, refused


_Place = tuple[RepoId | None, str]
"""Where a content is to come from (None: the bucket itself), and its Xet hash."""


def _held(
    connection: sa.Connection, bucket: Repo, sources: Mapping[RepoId, Repo], operations: Iterable[Operation]
) -> dict[_Place, _Held]:
    asked = defaultdict[RepoId | None, set[str]](set)
    for operation in operations:
        if isinstance(operation, Add):
            asked[operation.source].add(operation.xet_hash)
    found = dict[_Place, _Held]()
    for source, hashes in asked.items():
        repo = bucket if source is None else sources.get(source)
        if repo is not None:
            if EMPTY_XET_HASH in hashes:
                found[source, EMPTY_XET_HASH] = _Held(0, None)
            found.update(((source, xet_hash), one) for xet_hash, one in _linked(connection, repo, sorted(hashes)))
    return found


def _linked(connection: sa.Connection, repo: Repo, hashes: list[str]) -> Iterator[tuple[str, _Held]]:
    contents, links = schema.contents, schema.repo_contents
    query = (
        sa.select(contents.c.xet_hash, contents.c.size, contents.c.sha256)
        .join(links, links.c.sha256 == contents.c.sha256)
        .where(links.c.repo_id == repo.id)
    )
    for start in range(0, len(hashes), _BATCH):
        for row in connection.execute(query.where(contents.c.xet_hash.in_(hashes[start : start + _BATCH]))):
            yield row.xet_hash, _Held(row.size, Sha256(row.sha256))


def _decide(
    operations: Iterable[Operation], held: Mapping[_Place, _Held], refusals: Mapping[RepoId, str]
) -> tuple[dict[EntryPath, Operation], list[Refused]]:
    """The last operation on each path that can be done, and the refusals."""
    wanted, refused = dict[EntryPath, Operation](), list[Refused]()
    for operation in operations:
        if isinstance(operation, Delete) or (operation.source, operation.xet_hash) in held:
            wanted[operation.path] = operation
        elif operation.source is None:
            error = f"The content {operation.xet_hash} was not uploaded to this bucket: upload it first"
            refused.append(Refused(operation.path, error))
        else:
            absent = f"{operation.source} has no content {operation.xet_hash}"
            refused.append(Refused(operation.path, refusals.get(operation.source, absent)))
    return wanted, refused


def _link(connection: sa.Connection, bucket: Repo, caller: Caller, copied: Sequence[tuple[str, _Held]]) -> None:
    """The copied contents are the bucket's from now on."""
    sha256s = sorted(held.sha256 for _, held in copied if held.sha256 is not None)
    # Opened for WRITE, the bucket has a caller with an id.
    insert_links(connection, bucket.id, caller.user_id, sha256s)


def _write(
    connection: sa.Connection,
    bucket: Repo,
    wanted: Mapping[EntryPath, Operation],
    held: Mapping[_Place, _Held],
) -> _Written:
    files, at = schema.bucket_files, now_ms()
    known = _known(connection, bucket, sorted(wanted))
    gone = sorted(path for path, operation in wanted.items() if isinstance(operation, Delete) and path in known)
    for start in range(0, len(gone), _BATCH):
        here = (files.c.repo_id == bucket.id) & files.c.path.in_(gone[start : start + _BATCH])
        connection.execute(files.delete().where(here))
    rows = [
        {
            "path": path,
            "size": held[operation.source, operation.xet_hash].size,
            "xet_hash": operation.xet_hash,
            "mtime": operation.mtime,
            "uploaded_at": at,
        }
        for path, operation in sorted(wanted.items())
        if isinstance(operation, Add)
    ]
    if rows:
        changed = ("size", "xet_hash", "mtime", "uploaded_at")
        values = [{"repo_id": bucket.id, **row} for row in rows]
        connection.execute(upsert(connection, files, ("repo_id", "path"), changed), values)
    told = [msgspec.convert({"op": "update" if row["path"] in known else "add", **row}, Change) for row in rows]
    # Every path that was known is deleted or written over.
    added = sum(change.size or 0 for change in told) - sum(known.values())
    return _Written([*(Change("delete", path) for path in gone), *told], added)


def _count(connection: sa.Connection, bucket: Repo, added: int) -> None:
    repos = schema.repos
    values = {"updated_at": now_ms(), "used_storage": repos.c.used_storage + added}
    connection.execute(repos.update().where(repos.c.id == bucket.id).values(values))


def _known(connection: sa.Connection, bucket: Repo, paths: list[EntryPath]) -> dict[str, int]:
    """Those of `paths` that there are, and how large they are."""
    files, known = schema.bucket_files, dict[str, int]()
    for start in range(0, len(paths), _BATCH):
        here = (files.c.repo_id == bucket.id) & files.c.path.in_(paths[start : start + _BATCH])
        known.update(
            (row.path, row.size) for row in connection.execute(sa.select(files.c.path, files.c.size).where(here))
        )
    return known
