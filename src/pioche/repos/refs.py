"""The one way in for every change of a ref: API commits, pushes, merges, branches and tags all end in `update`.

Objects and bytes are durable before; here one transaction moves the refs, updates the rows derived from them and appends
the events. Readers see the old state or the new one (invariant I2).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Lookup
from pioche.db.instance import now_ms
from pioche.errors import (
    AlreadyExists,
    Forbidden,
    HubError,
    InvalidReference,
    RepoNotFound,
    RevisionNotFound,
    StaleParent,
    Unavailable,
    Unprocessable,
)
from pioche.events import Event
from pioche.git import pointers as pointer_format
from pioche.git.objects import ObjectMissing
from pioche.git.pointers import Pointer
from pioche.jobs import outbox
from pioche.names import DEFAULT_REF, Oid, Sha256, parse_ref_part
from pioche.repos import activity, protection, reachability, threads, tip
from pioche.repos.access import Repo
from pioche.storage import admission, collection, contents
from pioche.storage.quotas import NO_GROWTH, Growth

ALLOWED_PREFIXES = ("refs/heads/", "refs/tags/", "refs/pr/")

_NUMBER = re.compile(r"[1-9][0-9]{0,8}\Z")
_BATCH = 500


@dataclass(frozen=True, slots=True)
class RefChange:
    """One ref from `old` to `new`; None is "does not exist". `commit` is what `new` leads to (it differs for tag objects)."""

    ref: str
    old: Oid | None
    new: Oid | None
    commit: Oid | None

    @classmethod
    def to_commit(cls, ref: str, old: Oid | None, new: Oid | None) -> "RefChange":
        return cls(ref, old, new, new)


@dataclass(frozen=True, slots=True)
class Ref:
    """A row: `target` is the object the ref names, `commit` the commit it leads to."""

    name: str
    target: Oid
    commit: Oid


@dataclass(frozen=True, slots=True)
class Update:
    """What comes with a change of refs.

    `pointers` are the new blobs that are LFS pointers: the large files they name must be linked to the repo.
    `also` runs in the transaction, before the refs move; the changes that it returns are made with the others (a new
    pull request's row and ref). `growth` is what git holds more of.
    """

    changes: Sequence[RefChange]
    pointers: Mapping[Oid, Pointer] = field(default_factory=dict)
    also: Callable[[sa.Connection], Sequence[RefChange]] | None = None
    growth: Growth = NO_GROWTH


def update(repo: Repo, caller: Caller, change: Update) -> None:
    """All changes or none. Durable when it returns.

    Raises StaleParent when a ref is not where `old` says, AlreadyExists when one that should be new is there or clashes
    with another, Unprocessable for a pointer to a large file that this repo does not hold, Forbidden for what a protected
    branch does not take, Forbidden and InvalidReference for names that no ref may have and for the default branch's
    deletion, RepoNotFound when the repo is gone, QuotaExceeded.
    """
    new_tip = _new_tip(repo, change)
    bounds = repo.stores.quotas.bounds(repo.id)
    with repo.database.write() as connection:
        collection.keep_out(connection)
        collected = _lock(connection, repo)
        _check_pointers(connection, repo, change.pointers.values())
        changes = [*change.changes, *(change.also(connection) if change.also is not None else ())]
        protected = protection.refs_of(connection, repo.id)
        for item in changes:
            _check_ref(item)
            if item.ref in protected:
                protection.check(connection, repo, caller, item)
            _move(connection, repo, caller, item)
            _tell_thread(connection, repo, item)
        if collected:
            reachability.check_whole(connection, repo, [item.new for item in changes if item.new is not None])
        _refuse_nesting(connection, repo, changes)
        added = _store_pointers(connection, repo, change.pointers)
        if bounds is not None:
            keys = {*change.growth.keys, *(pointer.sha256 for pointer in change.pointers.values())}
            admission.admit(connection, bounds, repo.id, caller.user_id, added + change.growth.git_bytes, keys)
        if new_tip is not None:
            tip.store(connection, repo.id, new_tip)
        _touch(connection, repo, added, change.growth.git_bytes)
        event = _event(repo, caller, changes)
        activity.keep(connection, event)
        outbox.append(connection, event)


# Made once: making a statement takes longer than running it.
_EPOCH = sa.select(schema.repos.c.epoch, schema.repos.c.pruning_at).where(
    schema.repos.c.id == sa.bindparam("repo"), schema.repos.c.deleted_at.is_(None)
)
_LOCK = _EPOCH.with_for_update()
_MOVE = (
    schema.refs.update()
    .where(schema.refs.c.repo_id == sa.bindparam("repo"), schema.refs.c.name == sa.bindparam("ref"))
    .where(schema.refs.c.target == sa.bindparam("old"))
    .values(target=sa.bindparam("new"), commit=sa.bindparam("new_commit"), updated_at=sa.bindparam("at"))
    .returning(schema.refs.c.name)
)
_LOG = schema.reflog.insert()
_TOUCH = (
    schema.repos.update()
    .where(schema.repos.c.id == sa.bindparam("repo"))
    .values(
        updated_at=sa.bindparam("at"),
        used_storage=schema.repos.c.used_storage + sa.bindparam("added"),
        git_storage=schema.repos.c.git_storage + sa.bindparam("added_git"),
    )
)


def _lock(connection: sa.Connection, repo: Repo) -> bool:
    """Changes of one repo wait for one another, so that what is looked at below stays as it was seen. True when git
    objects may have been removed since the repo was opened."""
    found = connection.execute(_LOCK, {"repo": repo.id}).first()
    if found is None:
        raise RepoNotFound
    return _may_be_pruned(repo, found)


def _check_ref(change: RefChange) -> None:
    kind = next((prefix for prefix in ALLOWED_PREFIXES if change.ref.startswith(prefix)), None)
    if kind is None:
        raise Forbidden(f"Refs outside of refs/heads, refs/tags and refs/pr cannot be written: {change.ref[:100]}")
    if change.ref == DEFAULT_REF and change.new is None:
        raise Forbidden(f"Cannot delete {DEFAULT_REF}")
    if change.old is None:
        _check_name(kind, change.ref.removeprefix(kind))


def _check_name(kind: str, name: str) -> None:
    if kind != "refs/pr/":
        parse_ref_part(name, what="branch" if kind == "refs/heads/" else "tag")
    elif not _NUMBER.match(name):
        raise InvalidReference(f"Invalid reference for a pull request: {name[:100]!r}")


def _check_pointers(connection: sa.Connection, repo: Repo, pointers: Iterable[Pointer]) -> None:
    """In the transaction, with collection kept out: what is linked now stays, since a ref leads to it from here on."""
    wanted: dict[Sha256, int] = {pointer.sha256: pointer.size for pointer in pointers}
    linked = contents.linked(connection, repo.id, list(wanted))
    for sha256, size in wanted.items():
        if sha256 not in linked:
            raise Unprocessable(f"The large file {sha256} was never uploaded to this repo: upload it first")
        if linked[sha256].size != size:
            raise Unprocessable(f"The large file {sha256} has {linked[sha256].size} bytes, not {size}")


def _new_tip(repo: Repo, change: Update) -> "tip.Tip | None":
    """What the default branch's rows become; read from git before the transaction, which stays short."""
    for item in change.changes:
        if item.ref == DEFAULT_REF and item.commit is not None:
            try:
                return tip.compute(repo, item.old, item.commit, change.pointers)
            except ObjectMissing:
                _refuse_tidied(repo)
                raise
    return None


def _refuse_tidied(repo: Repo) -> None:
    """Raises Unavailable where objects were collected since the repo was opened: then it is nobody's mistake."""
    with repo.database.read() as connection:
        found = connection.execute(_EPOCH, {"repo": repo.id}).first()
    if found is not None and _may_be_pruned(repo, found):
        raise Unavailable(reachability.TIDIED)


def _may_be_pruned(repo: Repo, found: "sa.Row[int, int | None]") -> bool:
    """Whether git objects may have been removed since `repo` was opened; `found` is its row as it is now."""
    return found.epoch != repo.epoch or found.pruning_at is not None


def _move(connection: sa.Connection, repo: Repo, caller: Caller, change: RefChange) -> None:
    """Compare and swap; the database decides who was first."""
    at = now_ms()
    refusal: HubError = StaleParent()
    if change.old is None:
        refusal = AlreadyExists(f"Reference {change.ref} already exists")
        statement = _insert(connection, repo, change, at)
        moved = connection.execute(statement.returning(schema.refs.c.name))
    elif change.new is None:
        refs = schema.refs
        here = (refs.c.repo_id == repo.id) & (refs.c.name == change.ref)
        moved = connection.execute(refs.delete().where(here, refs.c.target == change.old).returning(refs.c.name))
    else:
        values = {"repo": repo.id, "ref": change.ref, "old": change.old, "new": change.new, "at": at}
        moved = connection.execute(_MOVE, {**values, "new_commit": change.commit})
    # Not by rowcount: PostgreSQL's is -1 for inserts that SQLAlchemy gives a RETURNING of its own.
    if moved.first() is None:
        raise refusal
    row = {"repo_id": repo.id, "ref": change.ref, "old": change.old, "new": change.new, "at": at}
    connection.execute(_LOG, {"actor_id": caller.user_id or None, **row})


def _insert(connection: sa.Connection, repo: Repo, change: RefChange, at: int) -> sa.Insert:
    values = {"target": change.new, "commit": change.commit, "updated_at": at}
    return insert_if_absent(connection, schema.refs).values(repo_id=repo.id, name=change.ref, **values)


def _tell_thread(connection: sa.Connection, repo: Repo, change: RefChange) -> None:
    """Whoever looks at a pull request sees its new commits."""
    number = change.ref.removeprefix("refs/pr/")
    if change.old is not None and number != change.ref:
        threads.touch(connection, repo.id, int(number), now_ms())


def _refuse_nesting(connection: sa.Connection, repo: Repo, changes: Sequence[RefChange]) -> None:
    """git cannot hold both `a` and `a/b`: a clone of such a repo would fail."""
    created = [change.ref for change in changes if change.old is None and not change.ref.startswith("refs/pr/")]
    if not created:
        return
    refs = schema.refs
    here = (refs.c.repo_id == repo.id) & ~refs.c.name.startswith("refs/pr/")
    names = set(connection.execute(sa.select(refs.c.name).where(here)).scalars())
    folders = {folder: name for name in names for folder in _folders(name)}
    for ref in created:
        clash = folders.get(ref) or next((folder for folder in _folders(ref) if folder in names), None)
        if clash is not None:
            raise AlreadyExists(f"Reference already exists: {clash}, so there cannot be {ref}")


def _folders(ref: str) -> Iterator[str]:
    """What may not be a ref beside `ref`: `refs/heads/a` for `refs/heads/a/b`."""
    parts = ref.split("/")
    return ("/".join(parts[:count]) for count in range(3, len(parts)))


def _store_pointers(connection: sa.Connection, repo: Repo, pointers: Mapping[Oid, Pointer]) -> int:
    """Returns the bytes of the large files that this repo had no pointer to before."""
    if not pointers:
        return 0
    sizes = {pointer.sha256: pointer.size for pointer in pointers.values()}
    known = _known_files(connection, repo, list(sizes))
    rows = [
        {
            "repo_id": repo.id,
            "oid": oid,
            "sha256": pointer.sha256,
            "size": pointer.size,
            "pointer_size": len(pointer_format.build(*pointer)),
        }
        for oid, pointer in pointers.items()
    ]
    connection.execute(insert_if_absent(connection, schema.pointers), rows)
    return sum(size for sha256, size in sizes.items() if sha256 not in known)


def _known_files(connection: sa.Connection, repo: Repo, wanted: list[Sha256]) -> set[str]:
    table = schema.pointers
    found = set[str]()
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        query = sa.select(table.c.sha256).where(table.c.repo_id == repo.id, table.c.sha256.in_(batch))
        found.update(connection.execute(query).scalars())
    return found - _removed(connection, repo, sorted(found))


def _removed(connection: sa.Connection, repo: Repo, known: list[str]) -> set[str]:
    """Those that were removed for good, which old commits still name: they are back, and count again."""
    table, found = schema.removed_contents, set[str]()
    for start in range(0, len(known), _BATCH):
        here = (table.c.repo_id == repo.id) & table.c.sha256.in_(known[start : start + _BATCH])
        found.update(connection.execute(table.delete().where(here).returning(table.c.sha256)).scalars())
    return found


def _touch(connection: sa.Connection, repo: Repo, added_bytes: int, git_bytes: int) -> None:
    values = {"repo": repo.id, "at": now_ms(), "added": added_bytes, "added_git": git_bytes}
    connection.execute(_TOUCH, values)


def _event(repo: Repo, caller: Caller, changes: Sequence[RefChange]) -> Event:
    moved = [{"ref": change.ref, "oldSha": change.old, "newSha": change.new} for change in changes]
    return Event("repo.content.update", repo.id, caller.user_id or None, {"updatedRefs": moved})


# --- reading --------------------------------------------------------------------------------------------------------


def all_refs(repo: Repo) -> list[Ref]:
    """Every ref of one snapshot, by name."""
    refs = schema.refs
    with repo.database.read() as connection:
        rows = connection.execute(sa.select(refs).where(refs.c.repo_id == repo.id))
        found = [Ref(row.name, row.target, row.commit) for row in rows]
    # Byte by byte, as git sorts them: the databases' own orders differ.
    return sorted(found, key=lambda ref: ref.name.encode())


def named(repo: Repo, prefix: str, *, after: str = "", limit: int = 100, part: str = "") -> list[Ref]:
    """The refs below `prefix` (`refs/heads/`) with `part` in the rest of their name, by name, those that come after `after`: a
    repo may have very many."""
    refs = schema.refs
    here = (refs.c.repo_id == repo.id) & refs.c.name.startswith(prefix, autoescape=True) & (refs.c.name > after)
    if part:
        rest = sa.func.lower(sa.func.substr(refs.c.name, len(prefix) + 1))
        here &= rest.contains(part.lower(), autoescape=True)
    with repo.database.read() as connection:
        rows = connection.execute(sa.select(refs).where(here).order_by(refs.c.name).limit(limit))
        return [Ref(row.name, row.target, row.commit) for row in rows]


_ONE = Lookup('SELECT name, target, "commit" FROM refs WHERE repo_id = :repo AND name = :name')


def find(repo: Repo, name: str) -> Ref | None:
    row = repo.database.fetch_one_sync(_ONE, {"repo": repo.id, "name": name})
    return Ref(*row) if row else None


def get(repo: Repo, name: str) -> Ref:
    """Raises RevisionNotFound."""
    found = find(repo, name)
    if found is None:
        raise RevisionNotFound(name.removeprefix("refs/heads/").removeprefix("refs/tags/"))
    return found


def new_pointers(repo: Repo, blobs: Sequence[Oid]) -> Iterator[tuple[Oid, Pointer]]:
    """Those of `blobs` that are LFS pointers."""
    objects = repo.objects
    for oid in blobs:
        if objects.size(oid) < pointer_format.POINTER_BYTES_MAX:
            found = pointer_format.parse(objects.blob(oid))
            if found is not None:
                yield oid, found
