"""A repo made from another: its branches, tags, files and large files, at this moment. Nothing is sent, nothing uploaded.

Not taken along: discussions and pull requests, likes and downloads, a Space's secrets, what no branch or tag reaches.
Bytes are shared, git's objects copied: first they, then one transaction with everything else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.instance import new_uid, now_ms
from pioche.errors import Forbidden, StaleParent
from pioche.git import program
from pioche.git.packs import sync_folder
from pioche.git.snapshot import Ref as SnapshotRef
from pioche.git.snapshot import Snapshot
from pioche.names import RepoId
from pioche.repos import refs
from pioche.repos.access import Repo
from pioche.repos.refs import Ref
from pioche.storage.disk import sync_file

_PACK_TIMEOUT_S = 1800
_COPIED = ("refs/heads/", "refs/tags/")


@dataclass(frozen=True, slots=True)
class Copy:
    """The git objects of a repo to be, already in place under `uid`, as `refs` of the source had them."""

    uid: str
    refs: Sequence[Ref]


def check_allowed(connection: sa.Connection, source: Repo) -> None:
    """Raises Forbidden where the owners want no duplicates (`catalog.Settings.duplication_off`)."""
    repos = schema.repos
    if connection.execute(sa.select(repos.c.duplication_off).where(repos.c.id == source.id)).scalar():
        raise Forbidden(f"The owners of {source.repo_id} do not let it be duplicated")


def check(source: Repo) -> None:
    """As `check_allowed`, for a page that would offer it."""
    with source.database.read() as connection:
        check_allowed(connection, source)


def copy_objects(source: Repo) -> Copy:
    """Everything that the source's branches and tags reach, and nothing else, durable under a new uid."""
    copied = Copy(new_uid(), [ref for ref in refs.all_refs(source) if ref.name.startswith(_COPIED)])
    git = source.stores.git
    if not git.exists(source.uid):
        return copied  # the first commit is computed for the new repo as for the old one
    shown = [SnapshotRef(ref.name, ref.target) for ref in copied.refs]
    with Snapshot(git.scratch, git.path(source.uid), source.genesis.objects(), shown) as snapshot:
        pack = snapshot.path / "copy"
        arguments = ["pack-objects", "--revs", "--all", "--delta-base-offset", "--non-empty", "-q", str(pack / "pack")]
        pack.mkdir()
        program.output(snapshot.path, arguments, timeout_s=_PACK_TIMEOUT_S)
        packs = sorted(pack.glob("pack-*.pack"))
        for file in pack.iterdir():
            sync_file(file)
        sync_folder(pack)
        git.adopt(copied.uid, packs, source.genesis.objects())
    return copied


def discard(source: Repo, copied: Copy) -> None:
    """Of a copy that no row came to name."""
    source.stores.git.delete(copied.uid)


def insert(connection: sa.Connection, source: Repo, copied: Copy, target: RepoId, values: dict[str, object]) -> int:
    """All rows of the new repo; `values` are the columns that the source does not decide. Returns its row's id.

    Raises StaleParent when the source's refs moved since its objects were copied, IntegrityError for a taken name.
    """
    _check_unmoved(connection, source, copied)
    repos, at = schema.repos, now_ms()
    taken = [
        repos.c[name]
        for name in ("sdk", "genesis", "gated", "gates_members", "used_storage", "git_storage", "card", "tags")
    ]
    row = connection.execute(sa.select(*taken).where(repos.c.id == source.id)).one()
    name = {"uid": copied.uid, "type": target.type.value, "name": target.name}
    names = name | {"full_name": str(target), "full_key": target.key, "created_at": at, "updated_at": at}
    done = connection.execute(repos.insert().values(**names, **row._asdict(), **values))
    new_id = int(done.inserted_primary_key[0])  # type: ignore[index]  # one row was inserted
    rows = [
        {"repo_id": new_id, "name": ref.name, "target": ref.target, "commit": ref.commit, "updated_at": at}
        for ref in copied.refs
    ]
    connection.execute(schema.refs.insert(), rows)
    for table in (schema.entries, schema.pointers, schema.removed_contents, schema.facts):
        _copy_rows(connection, table, source.id, new_id)
    _link_contents(connection, source.id, new_id, values["creator_id"], at)
    return new_id


def _check_unmoved(connection: sa.Connection, source: Repo, copied: Copy) -> None:
    table = schema.refs
    query = sa.select(table.c.name, table.c.target).where(table.c.repo_id == source.id)
    now = {row.name: row.target for row in connection.execute(query) if row.name.startswith(_COPIED)}
    if now != {ref.name: ref.target for ref in copied.refs}:
        raise StaleParent


def _copy_rows(connection: sa.Connection, table: sa.Table, old: int, new: int) -> None:
    columns = [column for column in table.c if column.name != "repo_id"]
    query = sa.select(sa.literal(new), *columns).where(table.c.repo_id == old)
    connection.execute(table.insert().from_select(["repo_id", *(column.name for column in columns)], query))


def _link_contents(connection: sa.Connection, old: int, new: int, user_id: object, at: int) -> None:
    """The large files that some commit names; what was uploaded and never committed is not copied."""
    links, pointers, xorbs = schema.repo_contents, schema.pointers, schema.repo_xorbs
    named = sa.select(pointers.c.sha256).where(pointers.c.repo_id == new)
    query = sa.select(sa.literal(new), links.c.sha256, sa.literal(user_id), sa.literal(at)).where(
        links.c.repo_id == old, links.c.sha256.in_(named)
    )
    columns = ["repo_id", "sha256", "uploader_id", "created_at"]
    connection.execute(links.insert().from_select(columns, query))
    parts, contents = schema.xet_file_xorbs, schema.contents
    made = (
        sa.select(sa.literal(new), parts.c.xorb, sa.literal(at))
        .distinct()
        .join(contents, contents.c.xet_hash == parts.c.file)
        .join(links, links.c.sha256 == contents.c.sha256)
        .where(links.c.repo_id == new)
    )
    connection.execute(xorbs.insert().from_select(["repo_id", "hash", "created_at"], made))
