"""Rows of a repo that follow from its git objects: pointers, links to large files, the listing of the tip, the card."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.buckets.files import EMPTY_XET_HASH
from pioche.db import schema
from pioche.db.dialect import insert_if_absent, upsert
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import Corrupt
from pioche.git.objects import ObjectMissing
from pioche.git.pointers import Pointer
from pioche.git.pointers import build as build_pointer
from pioche.names import DEFAULT_REF, VERSIONED, Oid, Sha256
from pioche.repos import files, refs, tip
from pioche.repos.access import Repo
from pioche.repos.facts import records, whole
from pioche.storage.blobs import blob_key
from pioche.upkeep.fsck import contents, git, kinds
from pioche.upkeep.fsck.findings import CannotMend, Problem
from pioche.upkeep.fsck.scene import Scene, repo_name

_SHOWN_MAX = 3
_UNCOUNTED_MAX = 1 << 20
_OF_TREE = ("mode", "oid", "size", "sha256", "pointer_size")
_OF_HISTORY = (*_OF_TREE, "parent", "last_commit")


# --- pointers and links ---------------------------------------------------------------------------------------------


def pointers(scene: Scene, repo: Repo) -> Iterator[Problem]:
    """Every reachable blob that is an LFS pointer has its row, and the file that it names is linked to the repo."""
    real = _real_pointers(scene, repo)
    scene.count("pointers", len(real))
    rows = _pointer_rows(repo)
    wrong = {oid: pointer for oid, pointer in real.items() if rows.get(oid) != _row(repo, oid, pointer)}
    if wrong:
        detail = f"{len(wrong)} pointers, such as {min(wrong)}"
        yield Problem(kinds.POINTER_ROW, repo_name(repo), detail, partial(_store_pointers, repo, wrong))
    held = _held(repo, sorted({pointer.sha256 for pointer in real.values()}))
    for pointer in sorted(set(real.values())):
        size = held.get(pointer.sha256)
        if size is None:
            if not repo.stores.contents.was_removed(repo.id, pointer.sha256):
                yield _unlinked(scene, repo, pointer)
        elif size != pointer.size:
            mend = partial(contents.make_row, scene, pointer.sha256)
            places = {"used_by": partial(scene.used_by, pointer.sha256)}
            detail = f"its row says {size} bytes, a pointer in {repo_name(repo)} {pointer.size}"
            yield Problem(kinds.CONTENT_ROW, blob_key(pointer.sha256), detail, mend, places)


def _real_pointers(scene: Scene, repo: Repo) -> dict[Oid, Pointer]:
    """Of all blobs that refs lead to. What is broken was told before."""
    found = git.look(scene, repo, git.roots(scene, repo)[0])
    readable = sorted(found.blobs - set(found.broken))
    known = dict[Oid, Pointer]()
    for oid in readable:
        try:
            known.update(refs.new_pointers(repo, [oid]))
        except (Corrupt, ObjectMissing):
            continue
    return known


def _row(repo: Repo, oid: Oid, pointer: Pointer) -> dict[str, Any]:
    large = {"sha256": pointer.sha256, "size": pointer.size, "pointer_size": len(build_pointer(*pointer))}
    return {"repo_id": repo.id, "oid": oid, **large}


def _pointer_rows(repo: Repo) -> dict[Oid, dict[str, Any]]:
    table = schema.pointers
    with repo.database.read() as connection:
        rows = connection.execute(sa.select(table).where(table.c.repo_id == repo.id)).mappings()
        return {Oid(row["oid"]): dict(row) for row in rows}


def _store_pointers(repo: Repo, wrong: dict[Oid, Pointer]) -> str:
    rows = [_row(repo, oid, pointer) for oid, pointer in sorted(wrong.items())]
    with repo.database.write() as connection:
        changed = ("sha256", "size", "pointer_size")
        connection.execute(upsert(connection, schema.pointers, ("repo_id", "oid"), changed), rows)
    return f"{len(rows)} rows were made"


def _held(repo: Repo, sha256s: list[Sha256]) -> dict[Sha256, int]:
    return {sha256: content.size for sha256, content in repo.stores.contents.find(repo.id, sha256s).items()}


def _unlinked(scene: Scene, repo: Repo, pointer: Pointer) -> Problem:
    subject = f"{repo_name(repo)} {blob_key(pointer.sha256)}"
    places = {"used_by": partial(_paths_of, repo, pointer.sha256)}
    return Problem(kinds.CONTENT_LINK, subject, "", partial(_link, scene, repo, pointer), places)


def _link(scene: Scene, repo: Repo, pointer: Pointer) -> str:
    """The repo was allowed to have this pointer because the file was linked to it: it may have the link again."""
    table = schema.contents
    with repo.database.read() as connection:
        known = connection.execute(sa.select(table.c.size).where(table.c.sha256 == pointer.sha256)).scalar()
    if known is None:
        contents.make_row(scene, pointer.sha256)
    with repo.database.write() as connection:
        _insert_link(connection, repo, pointer.sha256)
    return "The link was made"


def _insert_link(connection: sa.Connection, repo: Repo, sha256: str) -> None:
    values = {"repo_id": repo.id, "sha256": sha256, "created_at": now_ms()}
    connection.execute(insert_if_absent(connection, schema.repo_contents).values(values))


def _paths_of(repo: Repo, sha256: str) -> str:
    entries = schema.entries
    query = sa.select(entries.c.path).where(entries.c.repo_id == repo.id, entries.c.sha256 == sha256).limit(_SHOWN_MAX)
    with repo.database.read() as connection:
        paths = list(connection.execute(query).scalars())
    name = repo_name(repo)
    return ", ".join(f"{path} in {name}" for path in paths) or f"a file of an earlier revision of {name}"


# --- the tip --------------------------------------------------------------------------------------------------------


def entries(scene: Scene, repo: Repo, *, deep: bool) -> Iterator[Problem]:
    """The listing is what the tip holds; `deep`, also who touched each path last, which takes a walk through history."""
    if repo.repo_id.type not in VERSIONED:
        return
    commit, rows = _listed(repo)
    scene.count("entries", len(rows))
    if commit is None:
        return
    try:
        wrong = _wrong_entries(repo, commit, rows, deep=deep)
    except (ObjectMissing, Corrupt):
        return  # objects that are broken were told before
    if wrong:
        detail = f"{len(wrong)} paths, such as {min(wrong)}"
        yield Problem(kinds.ENTRIES, repo_name(repo), detail, partial(_list_anew, repo))


def _listed(repo: Repo) -> tuple[Oid | None, dict[str, dict[str, Any]]]:
    """The tip and its rows, of one moment."""
    table, refs_table = schema.entries, schema.refs
    with repo.database.read() as connection:
        here = refs_table.c.repo_id == repo.id, refs_table.c.name == DEFAULT_REF
        commit = connection.execute(sa.select(refs_table.c.commit).where(*here)).scalar()
        rows = connection.execute(sa.select(table).where(table.c.repo_id == repo.id)).mappings()
        return (Oid(commit) if commit else None), {row["path"]: dict(row) for row in rows}


def _wrong_entries(repo: Repo, commit: Oid, rows: dict[str, dict[str, Any]], *, deep: bool) -> set[str]:
    if deep:
        real = {str(row["path"]): row for row in tip.compute(repo, None, commit, {}).rows}
        return (real.keys() ^ rows.keys()) | {
            p for p in real.keys() & rows.keys() if _differs(rows[p], real[p], _OF_HISTORY)
        }
    found = repo.objects.walk(repo.objects.commit(commit).tree)
    real_files = {entry.path: entry for entry in files.describe(repo, found)}
    folders = {path[:at] for path in real_files for at, letter in enumerate(path) if letter == "/"}
    wrong = (real_files.keys() | folders) ^ rows.keys()
    for path, entry in real_files.items():
        if path in rows and _differs(rows[path], msgspec.structs.asdict(entry), _OF_TREE):
            wrong.add(path)
    return wrong


def _differs(row: dict[str, Any], real: dict[str, Any], columns: tuple[str, ...]) -> bool:
    """A file that is kept as chunks since it was committed need not say so in its row."""
    chunks = row["xet_hash"] is not None and row["xet_hash"] != real["xet_hash"]
    return chunks or any(row[name] != real[name] for name in columns)


def _list_anew(repo: Repo) -> str:
    commit, _ = _listed(repo)
    if commit is None:
        raise CannotMend("the repo has no branch main")
    new_tip = tip.compute(repo, None, commit, {})
    table, refs_table = schema.entries, schema.refs
    with repo.database.write() as connection:
        here = refs_table.c.repo_id == repo.id, refs_table.c.name == DEFAULT_REF
        now = connection.execute(sa.select(refs_table.c.commit).where(*here).with_for_update()).scalar()
        if now != commit:
            raise CannotMend("the branch moved meanwhile: run it again")
        connection.execute(table.delete().where(table.c.repo_id == repo.id))
        tip.store(connection, repo.id, new_tip)
    return f"{len(new_tip.rows)} rows were made from {commit}"


def card(scene: Scene, repo: Repo) -> Iterator[Problem]:
    """The metadata and the tags in the repo's row are those of the files at the tip."""
    if repo.repo_id.type not in VERSIONED:
        return
    commit, _ = _listed(repo)
    if commit is None:
        return
    try:
        noticed = whole.look(repo, commit)
    except (ObjectMissing, Corrupt):
        return
    with repo.database.read() as connection:
        if records.is_right(connection, repo.id, noticed):
            return
    yield Problem(kinds.CARD, repo_name(repo), "", partial(_derive_anew, repo))


def _derive_anew(repo: Repo) -> str:
    whole.derive(repo)
    return "It was read again"


def used_storage(scene: Scene, repo: Repo) -> Iterator[Problem]:
    """The bytes of the large files that the repo has pointers to and holds, each counted once; of a bucket, of its files."""
    repos = schema.repos
    with repo.database.read() as connection:
        query = _in_versions(repo) if repo.repo_id.type in VERSIONED else _in_bucket(repo)
        real = int(connection.execute(query).scalar_one())
        stated = connection.execute(sa.select(repos.c.used_storage).where(repos.c.id == repo.id)).scalar()
    if stated is not None and stated != real:
        mend = partial(_set, repo.database, repo.id, {"used_storage": real}, f"It is {real} bytes")
        yield Problem(kinds.USED_STORAGE, repo_name(repo), f"{stated} instead of {real} bytes", mend)


def git_storage(scene: Scene, repo: Repo) -> Iterator[Problem]:
    """The regular files that refs lead to are counted. Before migration 0020 they were not, and a repo that nobody wrote to
    since, or that was not collected, would leave its owner's quota untouched.

    More may be counted than is reachable, until the next collection; a little less where a merge made a file. Pointers to
    large files are not counted by a commit of the API.
    """
    folder = repo.stores.git
    if repo.repo_id.type not in VERSIONED or not folder.exists(repo.uid):
        return
    found = git.look(scene, repo, git.roots(scene, repo)[0])
    others = {*found.broken, *repo.genesis.objects(), *_pointer_rows(repo)}
    real = folder.bytes_of(repo.uid, found.blobs - others)
    repos = schema.repos
    with repo.database.read() as connection:
        stated = connection.execute(sa.select(repos.c.git_storage).where(repos.c.id == repo.id)).scalar()
    if stated is not None and stated + _UNCOUNTED_MAX < real:
        mend = partial(_set, repo.database, repo.id, {"git_storage": real}, f"It is {real} bytes")
        yield Problem(kinds.USED_STORAGE, f"{repo_name(repo)} in git", f"{stated} instead of {real} bytes", mend)


def _in_bucket(repo: Repo) -> "sa.Select[Any]":
    files = schema.bucket_files
    return sa.select(sa.func.coalesce(sa.func.sum(files.c.size), 0)).where(files.c.repo_id == repo.id)


def _in_versions(repo: Repo) -> "sa.Select[Any]":
    table, links = schema.pointers, schema.repo_contents
    linked = (links.c.repo_id == table.c.repo_id) & (links.c.sha256 == table.c.sha256)
    each = sa.select(table.c.sha256, sa.func.max(table.c.size).label("size")).join(links, linked)
    each_once = each.where(table.c.repo_id == repo.id).group_by(table.c.sha256).subquery()
    return sa.select(sa.func.coalesce(sa.func.sum(each_once.c.size), 0))


def _set(database: Database, repo_id: int, values: dict[str, Any], done: str) -> str:
    with database.write() as connection:
        connection.execute(schema.repos.update().where(schema.repos.c.id == repo_id).values(values))
    return done


# --- buckets --------------------------------------------------------------------------------------------------------


def bucket_files(scene: Scene, repo: Repo) -> Iterator[Problem]:
    """Every file of a bucket that has bytes names a content that the bucket holds."""
    table, held, links = schema.bucket_files, schema.contents, schema.repo_contents
    linked = (
        sa.select(held.c.sha256)
        .join(links, links.c.sha256 == held.c.sha256)
        .where(held.c.xet_hash == table.c.xet_hash, links.c.repo_id == repo.id)
    )
    query = sa.select(table.c.path, table.c.xet_hash).where(table.c.repo_id == repo.id, ~linked.exists())
    with repo.database.read() as connection:
        rows = connection.execute(query.where(table.c.xet_hash != EMPTY_XET_HASH).order_by(table.c.path)).all()
    for row in rows:
        places = {"used_by": partial(str, f"{row.path} in {repo_name(repo)}")}
        mend = partial(_link_bucket, repo, row.xet_hash)
        yield Problem(kinds.BUCKET_FILE, f"{repo_name(repo)} {row.path}", row.xet_hash, mend, places)


def _link_bucket(repo: Repo, xet_hash: str) -> str:
    """The bucket was allowed to name this content because it held it."""
    table = schema.contents
    with repo.database.write() as connection:
        sha256 = connection.execute(sa.select(table.c.sha256).where(table.c.xet_hash == xet_hash)).scalar()
        if sha256 is None:
            raise CannotMend("no such content is here")
        _insert_link(connection, repo, sha256)
    return "The link was made"
