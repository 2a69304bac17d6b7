"""Files kept as chunks: their terms, the links of repos to the xorbs that they name, and the shards that they came with."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent, upsert
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, ContentMismatch, Corrupt
from pioche.storage import damage
from pioche.storage.blobs import shard_key, xorb_key
from pioche.storage.contents import LOST
from pioche.storage.verification import shard_fault
from pioche.storage.xet import shards
from pioche.storage.xet.hashing import Tree, file_hash, from_text, to_text
from pioche.storage.xet.reconstruction import Term, parse_terms
from pioche.storage.xet.shards import TERM, CheckedFile
from pioche.storage.xet.tables import ChunkTables
from pioche.upkeep.fsck import contents, kinds, xorbs
from pioche.upkeep.fsck.findings import CannotMend, Problem
from pioche.upkeep.fsck.scene import Scene, after, batches

_files, _contents = schema.xet_files, schema.contents


def rows(scene: Scene) -> Iterator[Problem]:
    """Every content that is kept as chunks, or is offered as chunks too, has its terms."""
    nowhere = ~sa.exists().where(_files.c.hash == _contents.c.xet_hash)
    query = (
        sa.select(_contents.c.xet_hash, _contents.c.size)
        .where(_contents.c.xet_hash.is_not(None), _contents.c.kind != LOST, nowhere)
        .where(*scene.in_scope(schema.repo_contents, _contents.c.sha256, "sha256"))
        .order_by(_contents.c.xet_hash)
    )
    with scene.database.read() as connection:
        found = connection.execute(query).all()
    for row in found:
        mend, places = partial(_from_shards, scene, row.xet_hash), _places(scene, row.xet_hash)
        yield Problem(kinds.XET_FILE_MISSING, f"xet file {row.xet_hash}", f"{row.size} bytes", mend, places)


def terms(scene: Scene, prefix: str) -> Iterator[Problem]:
    """The terms of each file name xorbs that there are, and make the file: its size and its hash."""
    for row in _rows(scene, prefix):
        scene.count("files kept as chunks")
        packed = bytes(row.terms)
        unknown = _unknown_xorbs(scene, packed)
        if unknown:
            yield from (_xorb_problem(scene, name) for name in unknown)
        elif fault := _fault(scene, row.hash, row.size, row.real_size, packed):
            mend, places = partial(_from_shards, scene, row.hash), _places(scene, row.hash)
            yield Problem(kinds.XET_TERMS, f"xet file {row.hash}", fault, mend, places)


def parts(scene: Scene, prefix: str) -> Iterator[Problem]:
    """The xorbs that each file is made of are listed: those of its terms that there are."""
    for row in _rows(scene, prefix):
        named = _named(bytes(row.terms))
        if _parts(scene, row.hash) != named.difference(_unknown_xorbs(scene, bytes(row.terms))):
            yield Problem(kinds.FILE_XORBS, f"xet file {row.hash}", "", partial(_list_parts, scene, row.hash))


def joined(scene: Scene, sha256: str, xet_hash: str, size: int) -> Iterator[Problem]:
    """The chunks of one file make the bytes of its sha256. Reads and decodes them all."""
    found = contents.chunks_sha256(scene, xet_hash, size)
    if found is not None and found != sha256:
        mend, places = partial(_from_shards, scene, xet_hash), _places(scene, xet_hash)
        yield Problem(kinds.XET_TERMS, f"xet file {xet_hash}", f"its bytes have the sha256 {found}", mend, places)


def chunked_files(scene: Scene, prefix: str) -> list[tuple[str, str, int]]:
    """The sha256, Xet hash and size of each content that is kept as chunks."""
    query = (
        sa.select(_contents.c.sha256, _contents.c.xet_hash, _contents.c.size)
        .where(_contents.c.sha256 >= prefix, _contents.c.sha256 < after(prefix), _contents.c.kind == "xet")
        .where(*scene.in_scope(schema.repo_contents, _contents.c.sha256, "sha256"))
    )
    with scene.database.read() as connection:
        return [(row.sha256, row.xet_hash or "", row.size) for row in connection.execute(query)]


def links(scene: Scene, repo_id: int, name: str) -> Iterator[Problem]:
    """A repo that holds a file made of a xorb is linked to the xorb."""
    missing = _unlinked(scene, repo_id)
    if missing:
        detail = f"{len(missing)} xorbs, such as {missing[0]}"
        yield Problem(kinds.XORB_LINK, name, detail, partial(_link, scene, repo_id))


def shard(scene: Scene, name: str) -> Iterator[Problem]:
    """One stored shard, read whole."""
    fault = shard_fault(scene.blobs, name, scene.pace)
    if fault:
        yield Problem(kinds.SHARD_DAMAGED, shard_key(name), fault, partial(_set_shard_aside, scene, name))


def shard_names(scene: Scene, prefix: str) -> list[str]:
    return sorted(item.key.rpartition("/")[2] for item in scene.blobs.list(f"xet/shards/{prefix}".rstrip("/")))


# --- what is wrong --------------------------------------------------------------------------------------------------


def _fault(scene: Scene, name: str, size: int, real_size: int, packed: bytes) -> str | None:
    if len(packed) % TERM.size:
        return "its terms are cut off"
    found, total, tree, table_of = parse_terms(packed), 0, Tree(), ChunkTables(scene.database)
    for term in found:
        table = table_of(term.xorb)
        if not term.start < term.end <= table.count:
            return f"it names chunks {term.start} to {term.end} of a xorb that has {table.count}"
        if table.raw_start(term.end) - table.raw_start(term.start) != term.raw_bytes:
            return "the bytes of a term are not those of its chunks"
        tree.add(table.hashes(term.start, term.end), table.raw_lengths(term.start, term.end))
        total += term.raw_bytes
    if total != size or size != real_size:
        return f"its terms make {total} bytes, its rows say {size} and {real_size}"
    return None if file_hash(tree) == from_text(name) else "its terms make another file"


def _named(packed: bytes) -> set[str]:
    return {to_text(term.xorb) for term in _whole(packed)}


def _parts(scene: Scene, name: str) -> set[str]:
    """The xorbs that the rows say a file is made of."""
    table = schema.xet_file_xorbs
    with scene.database.read() as connection:
        return set(connection.execute(sa.select(table.c.xorb).where(table.c.file == name)).scalars())


def _unknown_xorbs(scene: Scene, packed: bytes) -> list[str]:
    """Those that terms name and that have no row."""
    named = sorted(_named(packed))
    known = set[str]()
    with scene.database.read() as connection:
        for batch in batches(named):
            query = sa.select(schema.xorbs.c.hash).where(schema.xorbs.c.hash.in_(batch))
            known.update(connection.execute(query).scalars())
    return [name for name in named if name not in known]


def _xorb_problem(scene: Scene, name: str) -> Problem:
    """A xorb without a row: its bytes may still be there."""
    stored = scene.blobs.size(xorb_key(name)) is not None
    kind = kinds.XORB_ROW if stored else kinds.XORB_MISSING
    detail = "it has no row" if stored else "it has neither a row nor bytes"
    mend = partial(xorbs.make_row if stored else _lose, scene, name)
    return Problem(kind, xorb_key(name), detail, mend, {"used_by": partial(xorbs.used_by, scene, name)})


def _lose(scene: Scene, name: str) -> str:
    lost = damage.lose_xorb(scene.database, scene.blobs, name)
    raise CannotMend(f"no copy is here; {len(lost)} files are marked as lost")


# --- mending --------------------------------------------------------------------------------------------------------


def _from_shards(scene: Scene, name: str) -> str:
    """The terms that a stored shard gives for the file, once they are proved. Raises CannotMend."""
    for checked in _checked_files(scene, from_text(name)):
        values = {"hash": name, "size": checked.size, "terms": checked.terms, "created_at": now_ms()}
        with scene.database.write() as connection:
            connection.execute(upsert(connection, _files, ("hash",), ("size", "terms")).values(values))
            connection.execute(_contents.update().where(_contents.c.xet_hash == name).values(size=checked.size))
            xorbs.record_parts(connection, name, checked.terms)
        return "Its terms were taken from a stored shard"
    with scene.database.write() as connection:
        here = _contents.c.xet_hash == name, _contents.c.kind == "xet"
        connection.execute(_contents.update().where(*here).values(kind=LOST))
    raise CannotMend("no stored shard has terms for it; the file is marked as lost")


def _list_parts(scene: Scene, name: str) -> str:
    with scene.database.write() as connection:
        packed = connection.execute(sa.select(_files.c.terms).where(_files.c.hash == name)).scalar()
        xorbs.record_parts(connection, name, bytes(packed or b""))
    return "The rows were made from its terms"


def _checked_files(scene: Scene, wanted: bytes) -> Iterator[CheckedFile]:
    table_of = ChunkTables(scene.database)
    for name in shard_names(scene, ""):
        try:
            parsed = shards.parse(b"".join(scene.blobs.read(shard_key(name))))
            yield from (shards.check_file(entry, table_of) for entry in parsed.files if entry.hash == wanted)
        except (BadRequest, ContentMismatch, Corrupt):
            continue  # a damaged shard, or terms over xorbs that are gone: another one may do


def _set_shard_aside(scene: Scene, name: str) -> str:
    damage.set_aside(scene.database, scene.blobs, shard_key(name))
    return "It was moved to quarantine"


def _unlinked(scene: Scene, repo_id: int) -> list[str]:
    linked, held = schema.repo_xorbs, schema.repo_contents
    query = (
        sa.select(_files.c.terms)
        .join(_contents, _contents.c.xet_hash == _files.c.hash)
        .join(held, held.c.sha256 == _contents.c.sha256)
        .where(held.c.repo_id == repo_id, _contents.c.kind != LOST)
    )
    with scene.database.read() as connection:
        needed = {to_text(term.xorb) for terms in connection.execute(query).scalars() for term in _whole(bytes(terms))}
        has = set(connection.execute(sa.select(linked.c.hash).where(linked.c.repo_id == repo_id)).scalars())
        known = set[str]()
        for batch in batches(sorted(needed - has)):
            known.update(
                connection.execute(sa.select(schema.xorbs.c.hash).where(schema.xorbs.c.hash.in_(batch))).scalars()
            )
    return sorted(known)


def _whole(packed: bytes) -> list[Term]:
    return parse_terms(packed[: len(packed) - len(packed) % TERM.size])


def _link(scene: Scene, repo_id: int) -> str:
    rows = [{"repo_id": repo_id, "hash": name, "created_at": now_ms()} for name in _unlinked(scene, repo_id)]
    with scene.database.write() as connection:
        if rows:
            connection.execute(insert_if_absent(connection, schema.repo_xorbs), rows)
    return f"{len(rows)} links were made"


# --- reading rows ---------------------------------------------------------------------------------------------------


def _rows(scene: Scene, prefix: str) -> "list[sa.Row[Any]]":
    """Files of contents whose bytes are not lost, with the size that the content has."""
    query = (
        sa.select(_files.c.hash, _files.c.size, _files.c.terms, sa.func.max(_contents.c.size).label("real_size"))
        .join(_contents, _contents.c.xet_hash == _files.c.hash)
        .where(_files.c.hash >= prefix, _files.c.hash < after(prefix), _contents.c.kind != LOST)
        .where(*scene.in_scope(schema.repo_contents, _contents.c.sha256, "sha256"))
        .group_by(_files.c.hash)
        .order_by(_files.c.hash)
    )
    with scene.database.read() as connection:
        return list(connection.execute(query))


def _places(scene: Scene, xet_hash: str) -> dict[str, Any]:
    return {"used_by": partial(scene.used_by_xet, xet_hash)}
