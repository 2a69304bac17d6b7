"""Xorbs: their bytes, their tables of chunks, and the index of chunks that clients ask for."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent, upsert
from pioche.db.instance import now_ms
from pioche.errors import Corrupt
from pioche.storage import collection, damage
from pioche.storage.blobs import xorb_key
from pioche.storage.contents import LOST
from pioche.storage.verification import size_fault, xorb_fault, xorb_table
from pioche.storage.xet.dedup import is_asked_for
from pioche.storage.xet.hashing import from_text, to_text, xorb_hash
from pioche.storage.xet.reconstruction import parse_terms
from pioche.storage.xet.xorbs import ChunkTable
from pioche.upkeep.fsck import kinds, twins
from pioche.upkeep.fsck.findings import CannotMend, Problem
from pioche.upkeep.fsck.kinds import Kind
from pioche.upkeep.fsck.scene import Scene, after, batches

_xorbs = schema.xorbs


def sizes(scene: Scene, prefix: str) -> Iterator[Problem]:
    """Every xorb whose hash begins so has its bytes, and a row that can be true."""
    rows = _rows(scene, prefix)
    scene.count("xorbs", len(rows))
    if not rows:
        return
    stored = {item.key: item.size for item in scene.blobs.list(f"xet/xorbs/{prefix}".rstrip("/"))}
    for row in rows:
        size = stored.get(xorb_key(row.hash))
        wrong_row = _row_fault(row)
        if size is None:
            yield _problem(scene, kinds.XORB_MISSING, row.hash, "there is nothing")
        elif wrong_row:
            yield _row_problem(scene, row.hash, wrong_row)
        elif fault := size_fault(size, row.size):
            # Bytes that make a whole xorb of this name are right, whatever the row says.
            if xorb_fault(scene.blobs, row.hash, size) is None:
                yield _row_problem(scene, row.hash, fault)
            else:
                yield _problem(scene, kinds.XORB_DAMAGED, row.hash, fault)


def decoded(scene: Scene, name: str) -> Iterator[Problem]:
    """Every chunk of one xorb decodes to what its name and its table say. Reads it all."""
    with scene.database.read() as connection:
        row = connection.execute(sa.select(_xorbs).where(_xorbs.c.hash == name)).first()
    if row is None or scene.blobs.size(xorb_key(name)) != row.size:
        return  # `sizes` has told
    try:
        table = xorb_table(scene.blobs, name, scene.pace)
    except Corrupt as error:
        yield _problem(scene, kinds.XORB_DAMAGED, name, error.message)
        return
    if table.packed != bytes(row.chunks):
        yield _row_problem(scene, name, "its table is not that of the stored bytes")


def one(scene: Scene, name: str) -> Iterator[Problem]:
    """Everything about the bytes of one xorb; nothing when it was collected."""
    with scene.database.read() as connection:
        size = connection.execute(sa.select(_xorbs.c.size).where(_xorbs.c.hash == name)).scalar()
    if size is None:
        return
    stored = scene.blobs.size(xorb_key(name))
    if fault := size_fault(stored, size):
        yield _problem(scene, kinds.XORB_MISSING if stored is None else kinds.XORB_DAMAGED, name, fault)
    yield from decoded(scene, name)


def names(scene: Scene) -> list[str]:
    query = sa.select(_xorbs.c.hash).where(*scene.in_scope(schema.repo_xorbs, _xorbs.c.hash, "hash"))
    with scene.database.read() as connection:
        return list(connection.execute(query.order_by(_xorbs.c.hash)).scalars())


def index(scene: Scene, prefix: str) -> Iterator[Problem]:
    """The chunks that clients ask for wherever they stand are in the index, and what is in the index is true."""
    rows = _rows(scene, prefix)
    known = _indexed(scene, prefix)
    for row in rows:
        table, found = ChunkTable(bytes(row.chunks)), known.get(row.hash, {})
        if _row_fault(row) is None and _index_is_wrong(table, found):
            mend = partial(_index_anew, scene, row.hash)
            yield Problem(kinds.XET_CHUNKS, xorb_key(row.hash), f"{len(found)} rows", mend)


# --- what is wrong --------------------------------------------------------------------------------------------------


def _row_fault(row: "sa.Row[Any]") -> str | None:
    """What a row says against itself; reads no stored bytes."""
    packed = bytes(row.chunks)
    table = ChunkTable(packed)
    if not packed or len(packed) % 40:
        return "its table of chunks is cut off"
    if (row.chunk_count, row.raw_size, row.size) != (table.count, table.raw_bytes, table.stored_bytes):
        return "its sizes are not those of its table"
    lengths = table.raw_lengths(0, table.count)
    if min(lengths) <= 0 or xorb_hash(table.hashes(0, table.count), lengths) != from_text(row.hash):
        return "its table is that of another xorb"
    return None


def _index_is_wrong(table: ChunkTable, found: dict[bytes, int]) -> bool:
    wrong = any(at >= table.count or table.hashes(at, at + 1) != name for name, at in found.items())
    return wrong or any(name not in found for name in _asked(table))


def _asked(table: ChunkTable) -> dict[bytes, int]:
    """Where the chunks stand that clients ask for; the first place of those that stand at several."""
    found = dict[bytes, int]()
    for at in range(table.count):
        name = table.hashes(at, at + 1)
        if is_asked_for(name):
            found.setdefault(name, at)
    return found


def _indexed(scene: Scene, prefix: str) -> dict[str, dict[bytes, int]]:
    table = schema.xet_chunks
    found = dict[str, dict[bytes, int]]()
    with scene.database.read() as connection:
        for row in connection.execute(sa.select(table).where(table.c.xorb >= prefix, table.c.xorb < after(prefix))):
            found.setdefault(row.xorb, {})[bytes(row.hash)] = row.position
    return found


# --- mending --------------------------------------------------------------------------------------------------------


def _problem(scene: Scene, kind: Kind, name: str, fault: str) -> Problem:
    return Problem(kind, xorb_key(name), fault, partial(_mend, scene, name), {"used_by": partial(used_by, scene, name)})


def _row_problem(scene: Scene, name: str, fault: str) -> Problem:
    places = {"used_by": partial(used_by, scene, name)}
    return Problem(kinds.XORB_ROW, xorb_key(name), fault, partial(make_row, scene, name), places)


def _mend(scene: Scene, name: str) -> str:
    """Sets bad bytes aside; then quarantine, files that are kept whole, or the loss of what needs the xorb."""
    key = xorb_key(name)
    damage.set_aside(scene.database, scene.blobs, key)
    if _from_quarantine(scene, name):
        return "Its bytes were taken back from quarantine"
    rebuilt = twins.rebuild(scene, name)
    if rebuilt is not None:
        scene.blobs.put_bytes(key, rebuilt)
        make_row(scene, name)
        return "It was made anew from files that are kept whole"
    lost = damage.lose_xorb(scene.database, scene.blobs, name)
    if not lost:
        return "No file needs it: its row was removed"
    raise CannotMend(f"no other copy is here; {len(lost)} files are marked as lost")


def _from_quarantine(scene: Scene, name: str) -> bool:
    aside = collection.quarantine_key(xorb_key(name))
    if scene.blobs.size(aside) is None:
        return False
    data = b"".join(scene.blobs.read(aside))
    if twins.table_of(data, name) is None:
        return False
    scene.blobs.move(aside, xorb_key(name))
    with scene.database.write() as connection:
        connection.execute(schema.quarantine.delete().where(schema.quarantine.c.key == xorb_key(name)))
    return True


def make_row(scene: Scene, name: str) -> str:
    """From the stored bytes, which are decoded. Raises CannotMend."""
    if scene.blobs.size(xorb_key(name)) is None:
        raise CannotMend("its bytes are not there")
    try:
        table = xorb_table(scene.blobs, name)
    except Corrupt as error:
        raise CannotMend(f"its bytes are damaged: {error.message}") from error
    sizes = {"size": table.stored_bytes, "raw_size": table.raw_bytes, "chunk_count": table.count}
    values = {"hash": name, **sizes, "chunks": table.packed, "created_at": now_ms()}
    with scene.database.write() as connection:
        changed = ("size", "raw_size", "chunk_count", "chunks")
        connection.execute(upsert(connection, _xorbs, ("hash",), changed).values(values))
    return "The row was made from the stored bytes"


def take_back(scene: Scene, sha256: str) -> None:
    """Makes the rows of the xorbs of a lost file whose bytes came back."""
    row = _file_of(scene, sha256)
    if row is None:
        return
    for name in sorted({to_text(term.xorb) for term in parse_terms(bytes(row.terms))}):
        with suppress(CannotMend):
            make_row(scene, name)
    with scene.database.write() as connection:
        record_parts(connection, row.hash, bytes(row.terms))


def keys_of(scene: Scene, sha256: str) -> list[str]:
    """Where the xorbs lie that a file is made of; nothing for one that is not."""
    row = _file_of(scene, sha256)
    return [] if row is None else sorted({xorb_key(to_text(term.xorb)) for term in parse_terms(bytes(row.terms))})


def _file_of(scene: Scene, sha256: str) -> "sa.Row[str, bytes] | None":
    contents, files = schema.contents, schema.xet_files
    query = sa.select(files.c.hash, files.c.terms).join(contents, contents.c.xet_hash == files.c.hash)
    with scene.database.read() as connection:
        return connection.execute(query.where(contents.c.sha256 == sha256)).first()


def record_parts(connection: sa.Connection, file: str, packed: bytes) -> None:
    """Which xorbs a file is made of, of those that there are: collection goes by it."""
    table, named = schema.xet_file_xorbs, sorted({to_text(term.xorb) for term in parse_terms(packed)})
    connection.execute(table.delete().where(table.c.file == file))
    for batch in batches(named):
        known = connection.execute(sa.select(_xorbs.c.hash).where(_xorbs.c.hash.in_(batch))).scalars().all()
        if known:
            rows = [{"xorb": xorb, "file": file} for xorb in known]
            connection.execute(insert_if_absent(connection, table), rows)


def _index_anew(scene: Scene, name: str) -> str:
    chunks = schema.xet_chunks
    with scene.database.write() as connection:
        packed = connection.execute(sa.select(_xorbs.c.chunks).where(_xorbs.c.hash == name)).scalar()
        if packed is None:
            raise CannotMend("the xorb was removed meanwhile")
        table = ChunkTable(bytes(packed))
        wanted = _asked(table) | _file_starts(connection, table, name)
        connection.execute(chunks.delete().where(chunks.c.xorb == name))
        rows = [{"hash": chunk, "xorb": name, "position": at} for chunk, at in wanted.items()]
        if rows:
            connection.execute(insert_if_absent(connection, chunks), rows)
    return f"{len(rows)} rows were made"


def _file_starts(connection: sa.Connection, table: ChunkTable, name: str) -> dict[bytes, int]:
    """The chunks of the xorb that begin a file: clients ask for those too."""
    found, raw = dict[bytes, int](), from_text(name)
    for terms in connection.execute(sa.select(schema.xet_files.c.terms)).scalars():
        first = next(iter(parse_terms(bytes(terms))), None)
        if first is not None and first.xorb == raw and first.start < table.count:
            found[table.hashes(first.start, first.start + 1)] = first.start
    return found


# --- reading rows ---------------------------------------------------------------------------------------------------


def _rows(scene: Scene, prefix: str) -> "list[sa.Row[Any]]":
    query = (
        sa.select(_xorbs)
        .where(_xorbs.c.hash >= prefix, _xorbs.c.hash < after(prefix))
        .where(*scene.in_scope(schema.repo_xorbs, _xorbs.c.hash, "hash"))
        .order_by(_xorbs.c.hash)
    )
    with scene.database.read() as connection:
        return list(connection.execute(query).all())


def used_by(scene: Scene, name: str) -> str:
    files, contents, wanted = schema.xet_files, schema.contents, list[str]()
    with scene.database.read() as connection:
        query = sa.select(files.c.terms, contents.c.sha256).join(contents, contents.c.xet_hash == files.c.hash)
        for terms, sha256 in connection.execute(query.where(contents.c.kind.in_(("xet", LOST)))):
            if any(to_text(term.xorb) == name for term in parse_terms(bytes(terms))):
                wanted.append(sha256)
    return scene.used_by_files(wanted)
