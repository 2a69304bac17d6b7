"""Xorbs that are mostly dead, written anew: their living chunks go into new xorbs, as they are stored, and the terms of the
files that are made of them are rewritten. A file's hash depends on its chunks alone, so it stays (xet.md section 4).

Every chunk is hashed on its way. The old xorb is part of no file then, and goes as any other does, in a later run: whoever
was reading it finishes.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent, insert_rows
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Corrupt
from pioche.jobs import leases
from pioche.storage import collection
from pioche.storage.blobs import xorb_key
from pioche.storage.disk import translated
from pioche.storage.xet.codec import decode
from pioche.storage.xet.hashing import chunk_hash, from_text, to_text, xorb_hash
from pioche.storage.xet.reconstruction import Term, parse_terms
from pioche.storage.xet.shards import TERM
from pioche.storage.xet.tables import ChunkTables
from pioche.storage.xet.xorbs import XORB_CHUNKS_MAX, XORB_RAW_BYTES_MAX, ChunkTable
from pioche.upkeep.collection.context import BATCH, Context, batches
from pioche.upkeep.collection.xorbs import memories, raise_epochs
from pioche.upkeep.progress import each

_xorbs, _files, _parts = schema.xorbs, schema.xet_files, schema.xet_file_xorbs
_LIVE_SHARE_MAX = 0.5
_DEAD_BYTES_MIN = 64 * 1024
_WAIT_SECONDS = 60

Spans = list[tuple[int, int]]
"""Ranges of chunks, [start, end), in order and apart."""


@dataclass(frozen=True, slots=True)
class _Sparse:
    """A xorb that is mostly dead: its living chunks, and their sizes in bytes."""

    name: bytes
    table: ChunkTable
    live: Spans
    stored_bytes: int
    raw_bytes: int

    @property
    def count(self) -> int:
        return sum(end - start for start, end in self.live)


@dataclass(slots=True)
class _New:
    """A xorb that is being written: where each living span of the old ones begins in it."""

    hashes: bytearray = field(default_factory=bytearray)
    stored_ends: list[int] = field(default_factory=list)
    raw_ends: list[int] = field(default_factory=list)
    places: dict[bytes, list[tuple[int, int, int]]] = field(default_factory=dict)

    @property
    def table(self) -> ChunkTable:
        return ChunkTable.of(bytes(self.hashes), self.stored_ends, self.raw_ends)

    def moved(self, term: Term, name: bytes) -> Term | None:
        """The term in the new xorb `name`; None when it names a chunk that was not thought to be alive."""
        for start, end, at in self.places.get(term.xorb, ()):
            if start <= term.start and term.end <= end:
                return Term(name, term.raw_bytes, term.start - start + at, term.end - start + at)
        return None


def collect(run: Context) -> None:
    """Says in a dry run how many bytes would come free."""
    tables = ChunkTables(run.database)
    live = _living(run)
    run.progress.begin("xorbs that are mostly dead")
    for group in each(run.progress, _groups(_sparse(run, live, tables))):
        if run.options.dry_run:
            run.report.rewritten += sum(one.stored_bytes for one in group)
            continue
        try:
            _write_anew(run, group)
        except Corrupt as error:
            run.report.skipped.append(f"{len(group)} xorbs were not written anew: {error.message}")


def _living(run: Context) -> dict[bytes, Spans]:
    """By xorb, the chunks that files are made of."""
    live = dict[bytes, Spans]()
    run.progress.begin("files of chunks")
    for terms in each(run.progress, _terms(run)):
        for term in parse_terms(terms):
            _add(live.setdefault(term.xorb, []), term.start, term.end)
    return live


def _terms(run: Context) -> Iterator[bytes]:
    after = ""
    while True:
        query = sa.select(_files.c.hash, _files.c.terms).where(_files.c.hash > after)
        with run.database.read() as connection:
            found = connection.execute(query.order_by(_files.c.hash).limit(BATCH)).all()
        if not found:
            return
        for row in found:
            if row.hash not in run.gone.files:
                yield bytes(row.terms)
        after = found[-1].hash


def _add(spans: Spans, start: int, end: int) -> None:
    """Joins what touches."""
    apart = [span for span in spans if span[1] < start or end < span[0]]
    touching = [span for span in spans if not (span[1] < start or end < span[0])]
    joined = (min([start, *(span[0] for span in touching)]), max([end, *(span[1] for span in touching)]))
    spans[:] = sorted([*apart, joined])


def _sparse(run: Context, live: dict[bytes, Spans], tables: ChunkTables) -> Iterator[_Sparse]:
    for names in batches([to_text(name) for name in sorted(live)]):
        old = (_xorbs.c.hash.in_(names)) & (_xorbs.c.created_at < run.times.young_after)
        with run.database.read() as connection:
            rows = connection.execute(sa.select(_xorbs.c.hash, _xorbs.c.size).where(old)).all()
            # What a client remembers has to stay as it is for now.
            kept = {row.hash for row in connection.execute(memories(run, names))} if not run.options.now else set()
        for row in rows:
            name = from_text(row.hash)
            table = tables(name)
            stored = sum(table.stored_start(end) - table.stored_start(start) for start, end in live[name])
            dead = row.size - stored
            if row.hash not in kept and stored < _LIVE_SHARE_MAX * row.size and dead > _DEAD_BYTES_MIN:
                raw = sum(table.raw_start(end) - table.raw_start(start) for start, end in live[name])
                yield _Sparse(name, table, live[name], stored, raw)


def _groups(found: Iterator[_Sparse]) -> Iterator[list[_Sparse]]:
    """As many as fit into one new xorb."""
    group, chunks, raw = list[_Sparse](), 0, 0
    for one in found:
        if group and (chunks + one.count > XORB_CHUNKS_MAX or raw + one.raw_bytes > XORB_RAW_BYTES_MAX):
            yield group
            group, chunks, raw = [], 0, 0
        group.append(one)
        chunks, raw = chunks + one.count, raw + one.raw_bytes
    if group:
        yield group


def _write_anew(run: Context, group: Sequence[_Sparse]) -> None:
    """Bytes first, durable; then one transaction."""
    new = _New()
    draft = run.git.scratch / f"xorb-{secrets.token_hex(8)}"
    try:
        _copy(run, group, new, draft)
        table = new.table
        name = xorb_hash(bytes(new.hashes), table.raw_lengths(0, table.count))
        # As an upload does: these very chunks may be stored, or be on their way, compressed otherwise.
        with leases.held(run.database, f"xorb {to_text(name)}", "gc", wait_seconds=_WAIT_SECONDS):
            _put(run, draft, table, to_text(name))
            _switch(run, group, new, name)
    finally:
        with translated():
            draft.unlink(missing_ok=True)
    run.report.rewritten += table.stored_bytes


def _put(run: Context, draft: Path, table: ChunkTable, name: str) -> None:
    """Raises Corrupt where it would replace the bytes of a xorb whose row says otherwise."""
    with run.database.read() as connection:
        known = connection.execute(sa.select(_xorbs.c.chunks).filter_by(hash=name)).scalar()
    if known is not None and bytes(known) != table.packed:
        raise Corrupt("the same chunks are stored in another form")
    run.blobs.put(xorb_key(name), draft)


def _copy(run: Context, group: Sequence[_Sparse], new: _New, draft: Path) -> None:
    """The living chunks as they are stored, each hashed. Raises Corrupt."""
    stored = raw = 0
    with translated(), draft.open("xb") as file:
        for one in group:
            for start, end in one.live:
                new.places.setdefault(one.name, []).append((start, end, len(new.raw_ends)))
                table = one.table
                begin, stop = table.stored_start(start), table.stored_start(end)
                data = b"".join(run.blobs.read(xorb_key(to_text(one.name)), begin, stop))
                _check(table, start, end, data)
                file.write(data)
                new.hashes += table.hashes(start, end)
                for index in range(start, end):
                    new.stored_ends.append(stored + table.stored_start(index + 1) - begin)
                    new.raw_ends.append(raw + table.raw_start(index + 1) - table.raw_start(start))
                stored, raw = new.stored_ends[-1], new.raw_ends[-1]


def _check(table: ChunkTable, start: int, end: int, data: bytes) -> None:
    try:
        hashes = b"".join(chunk_hash(chunk) for chunk in decode(data))
    except BadRequest as error:
        raise Corrupt("A stored chunk cannot be decoded") from error
    if hashes != table.hashes(start, end):
        raise Corrupt("A stored chunk does not match its hash")


def _switch(run: Context, group: Sequence[_Sparse], new: _New, name: bytes) -> None:
    """The files are made of the new xorb from here on, whoever had an old one has it, and clients are told to forget."""
    old = [to_text(one.name) for one in group]
    with run.database.write() as connection:
        collection.enter(connection)
        run.before_removal()
        _insert_xorb(run, connection, new.table, to_text(name))
        files = sa.select(_parts.c.file).where(_parts.c.xorb.in_(old)).distinct().order_by(_parts.c.file)
        for file in connection.execute(files).scalars().all():
            _rewrite(connection, file, new, name)
        links, chunks = schema.repo_xorbs, schema.xet_chunks
        holders = connection.execute(sa.select(links.c.repo_id).where(links.c.hash.in_(old)).distinct()).scalars().all()
        held = [{"repo_id": repo_id, "hash": to_text(name), "created_at": now_ms()} for repo_id in holders]
        insert_rows(connection, links, held)
        asked = connection.execute(sa.select(chunks).where(chunks.c.xorb.in_(old))).all()
        moved = [
            {"hash": row.hash, "xorb": to_text(name), "position": place.start}
            for row in asked
            if (place := new.moved(Term(from_text(row.xorb), 0, row.position, row.position + 1), name)) is not None
        ]
        insert_rows(connection, chunks, moved)
        raise_epochs(connection, {row.repo_id for row in connection.execute(memories(run, old))})


def _insert_xorb(run: Context, connection: sa.Connection, table: ChunkTable, name: str) -> None:
    """Under the xorb's lease, so that a row that is there is the one that `_put` saw."""
    sizes = {"size": table.stored_bytes, "raw_size": table.raw_bytes, "chunk_count": table.count}
    row = {"hash": name, **sizes, "chunks": table.packed, "created_at": now_ms()}
    inserted = connection.execute(insert_if_absent(connection, _xorbs).values(row).returning(_xorbs.c.hash))
    if inserted.first() is not None:
        collection.claim(connection, run.blobs, xorb_key(name))


def _rewrite(connection: sa.Connection, file: str, new: _New, name: bytes) -> None:
    """Leaves a file alone that came since and names other chunks."""
    terms = parse_terms(bytes(connection.execute(sa.select(_files.c.terms).filter_by(hash=file)).scalar_one()))
    moved = [new.moved(term, name) if term.xorb in new.places else term for term in terms]
    kept = [term for term in moved if term is not None]
    if len(kept) < len(terms):
        return
    packed = b"".join(TERM.pack(*term) for term in kept)
    connection.execute(_files.update().where(_files.c.hash == file).values(terms=packed))
    gone = [to_text(xorb) for xorb in new.places]
    connection.execute(_parts.delete().where(_parts.c.file == file, _parts.c.xorb.in_(gone)))
    insert_rows(connection, _parts, [{"xorb": to_text(name), "file": file}])
