"""A xorb made anew from files that are also kept whole: its chunks are pieces of them."""

from collections.abc import Iterator

import sqlalchemy as sa

from pioche.db import schema
from pioche.errors import BadRequest, ContentMismatch, Corrupt, TooLarge
from pioche.storage.blobs import blob_key
from pioche.storage.xet.codec import Scheme, encode
from pioche.storage.xet.hashing import chunk_hash, from_text
from pioche.storage.xet.reconstruction import parse_terms
from pioche.storage.xet.xorbs import ChunkTable, verify
from pioche.upkeep.fsck.scene import Scene


def rebuild(scene: Scene, name: str) -> bytes | None:
    """The stored bytes of a xorb, from its table of chunks and the whole files; None when a chunk is in none of them.

    They may be compressed in another way than before: a xorb is named by its chunks alone.
    """
    with scene.database.read() as connection:
        packed = connection.execute(sa.select(schema.xorbs.c.chunks).filter_by(hash=name)).scalar()
    if packed is None:
        return None
    table = ChunkTable(bytes(packed))
    chunks = dict[int, bytes]()
    for sha256, place, start, end in _places(scene, from_text(name)):
        if end <= table.count:
            chunks.update(_chunks(scene, table, sha256, place, start, end))
        if len(chunks) == table.count:
            data = b"".join(part for at in range(table.count) for part in encode(chunks[at], Scheme.LZ4))
            return data if table_of(data, name) is not None else None
    return None


def table_of(data: bytes, name: str) -> ChunkTable | None:
    """The table of a xorb in memory; None when it is not the one of this name."""
    try:
        table = verify([data], from_text(name))
    except (BadRequest, ContentMismatch, TooLarge):
        return None
    return table if table.stored_bytes == len(data) else None


def _places(scene: Scene, xorb: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Where chunks [start, end) of the xorb stand in a whole file: its sha256, and the byte at which they begin."""
    files, contents = schema.xet_files, schema.contents
    query = sa.select(contents.c.sha256, files.c.terms).join(files, files.c.hash == contents.c.xet_hash)
    with scene.database.read() as connection:
        for sha256, terms in connection.execute(query.where(contents.c.kind == "blob")).all():
            at = 0
            for term in parse_terms(bytes(terms)):
                if term.xorb == xorb:
                    yield sha256, at, term.start, term.end
                at += term.raw_bytes


def _chunks(
    scene: Scene, table: ChunkTable, sha256: str, place: int, start: int, end: int
) -> Iterator[tuple[int, bytes]]:
    """The chunks [start, end) that stand at byte `place` of a whole file, as far as they are right."""
    lengths = table.raw_lengths(start, end)
    try:
        data = b"".join(scene.blobs.read(blob_key(sha256), place, place + sum(lengths)))
    except Corrupt:
        return
    at = 0
    for number, length in enumerate(lengths, start):
        piece = data[at : at + length]
        at += length
        if chunk_hash(piece) == table.hashes(number, number + 1):
            yield number, piece
