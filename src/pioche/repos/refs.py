"""The one way in for every change of a ref: API commits, pushes, merges, branches and tags all end in `update`.

Objects and bytes are durable before; here one transaction moves the refs, updates the rows derived from them and appends
the events. Readers see the old state or the new one (invariant I2).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.instance import now_ms
from pioche.errors import AlreadyExists, Forbidden, HubError, RevisionNotFound, StaleParent, Unprocessable
from pioche.events import Event
from pioche.git import pointers as pointer_format
from pioche.git.pointers import Pointer
from pioche.jobs import outbox
from pioche.names import DEFAULT_REF, Oid, Sha256
from pioche.repos import tip
from pioche.repos.access import Repo

ALLOWED_PREFIXES = ("refs/heads/", "refs/tags/", "refs/pr/")


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
    `also` runs inside the transaction (the row of a new pull request).
    """

    changes: Sequence[RefChange]
    pointers: Mapping[Oid, Pointer] = field(default_factory=dict)
    also: Callable[[sa.Connection], None] | None = None


def update(repo: Repo, caller: Caller, change: Update) -> None:
    """All changes or none. Durable when it returns.

    Raises StaleParent when a ref is not where `old` says, AlreadyExists when one that should be new is there,
    Unprocessable for a pointer to a large file that this repo does not hold, Forbidden for the default branch's deletion.
    """
    for item in change.changes:
        _check_ref(item)
    _check_pointers(repo, change.pointers.values())
    new_tip = _new_tip(repo, change)
    with repo.database.write() as connection:
        for item in sorted(change.changes, key=lambda item: item.new is not None):  # deletions make room
            _move(connection, repo, caller, item)
        _store_pointers(connection, repo, change.pointers)
        if new_tip is not None:
            tip.store(connection, repo.id, new_tip)
        if change.also is not None:
            change.also(connection)
        _touch(connection, repo, change)
        outbox.append(connection, _event(repo, caller, change.changes))


def _check_ref(change: RefChange) -> None:
    if not change.ref.startswith(ALLOWED_PREFIXES):
        raise Forbidden(f"Refs outside of refs/heads, refs/tags and refs/pr cannot be written: {change.ref[:100]}")
    if change.ref == DEFAULT_REF and change.new is None:
        raise Forbidden(f"Cannot delete {DEFAULT_REF}")


def _check_pointers(repo: Repo, pointers: Iterable[Pointer]) -> None:
    wanted: dict[Sha256, int] = {pointer.sha256: pointer.size for pointer in pointers}
    linked = repo.stores.contents.find(repo.id, list(wanted))
    for sha256, size in wanted.items():
        if sha256 not in linked:
            raise Unprocessable(f"The large file {sha256} was never uploaded to this repo: upload it first")
        if linked[sha256].size != size:
            raise Unprocessable(f"The large file {sha256} has {linked[sha256].size} bytes, not {size}")


def _new_tip(repo: Repo, change: Update) -> "tip.Tip | None":
    """What the default branch's rows become; read from git before the transaction, which stays short."""
    for item in change.changes:
        if item.ref == DEFAULT_REF and item.commit is not None:
            return tip.compute(repo, item.old, item.commit, change.pointers)
    return None


def _move(connection: sa.Connection, repo: Repo, caller: Caller, change: RefChange) -> None:
    """Compare and swap; the database decides who was first."""
    refs, at = schema.refs, now_ms()
    here = (refs.c.repo_id == repo.id) & (refs.c.name == change.ref)
    if change.old is None:
        values = {
            "repo_id": repo.id,
            "name": change.ref,
            "target": change.new,
            "commit": change.commit,
            "updated_at": at,
        }
        done = connection.execute(insert_if_absent(connection, refs).values(values))
        refusal: HubError = AlreadyExists(f"Reference {change.ref} already exists")
    elif change.new is None:
        done = connection.execute(refs.delete().where(here, refs.c.target == change.old))
        refusal = StaleParent()
    else:
        values = {"target": change.new, "commit": change.commit, "updated_at": at}
        done = connection.execute(refs.update().where(here, refs.c.target == change.old).values(values))
        refusal = StaleParent()
    if done.rowcount != 1:
        raise refusal
    if change.old is None:
        _refuse_nested(connection, repo, change.ref)
    row = {"repo_id": repo.id, "ref": change.ref, "old": change.old, "new": change.new, "at": at}
    connection.execute(schema.reflog.insert().values(actor_id=caller.user_id or None, **row))


def _refuse_nested(connection: sa.Connection, repo: Repo, ref: str) -> None:
    """`a` and `a/b` cannot both be there: in every clone they would be a file and a folder of one name."""
    parts = ref.split("/")
    above = ["/".join(parts[:end]) for end in range(3, len(parts))]
    refs, below = schema.refs, f"{ref}/"
    inside = sa.func.substr(refs.c.name, 1, len(below)) == below
    query = sa.select(refs.c.name).where(refs.c.repo_id == repo.id, refs.c.name.in_(above) | inside)
    standing = connection.execute(query.limit(1)).scalar_one_or_none()
    if standing is not None:
        raise AlreadyExists(f"Reference already exists: {standing}, so there cannot be {ref}")


def _store_pointers(connection: sa.Connection, repo: Repo, pointers: Mapping[Oid, Pointer]) -> None:
    if pointers:
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


def _touch(connection: sa.Connection, repo: Repo, change: Update) -> None:
    added = sum({pointer.sha256: pointer.size for pointer in change.pointers.values()}.values())
    repos = schema.repos
    values = {"updated_at": now_ms(), "used_storage": repos.c.used_storage + added}
    connection.execute(repos.update().where(repos.c.id == repo.id).values(values))


def _event(repo: Repo, caller: Caller, changes: Sequence[RefChange]) -> Event:
    moved = [{"ref": change.ref, "oldSha": change.old, "newSha": change.new} for change in changes]
    return Event("repo.content.update", repo.id, caller.user_id or None, {"updatedRefs": moved})


# --- reading --------------------------------------------------------------------------------------------------------


def all_refs(repo: Repo) -> list[Ref]:
    """Every ref of one snapshot, by name."""
    refs = schema.refs
    with repo.database.read() as connection:
        rows = connection.execute(sa.select(refs).where(refs.c.repo_id == repo.id).order_by(refs.c.name))
        return [Ref(row.name, row.target, row.commit) for row in rows]


def find(repo: Repo, name: str) -> Ref | None:
    refs = schema.refs
    with repo.database.read() as connection:
        row = connection.execute(sa.select(refs).where(refs.c.repo_id == repo.id, refs.c.name == name)).first()
    return Ref(row.name, row.target, row.commit) if row else None


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
