"""Files kept as chunks: finding them within a repo, planning their reconstruction, reading their bytes.

A stored file's `terms` are packed as `shards.TERM`: 44 bytes each, in file order.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database, Lookup, Row
from pioche.errors import BadRequest, ContentNotFound, Corrupt
from pioche.storage.blobs import BlobStore, HasPaths, xorb_key
from pioche.storage.disk import OpenFile, open_file, translated
from pioche.storage.seals import Verdicts
from pioche.storage.xet.hashing import chunk_hash, from_text, to_text
from pioche.storage.xet.reconstruction import Reconstruction, Term, parse_terms, plan
from pioche.storage.xet.tables import ChunkTables
from pioche.storage.xet.xorbs import ChunkTable, decode, is_true

Piece = bytes | memoryview
_BATCH = 500  # bound parameters in one statement
_XORB = Lookup("SELECT size FROM xorbs WHERE hash = :hash")
_BY_HASH = Lookup("SELECT size, terms FROM xet_files WHERE hash = :hash")
_IN_REPO = Lookup(
    """
    SELECT f.size, f.terms FROM contents c JOIN repo_contents l ON l.sha256 = c.sha256
    JOIN xet_files f ON f.hash = c.xet_hash WHERE c.xet_hash = :hash AND l.repo_id = :repo
    """
)


@dataclass(frozen=True, slots=True)
class XetFile:
    """`size` in raw bytes."""

    size: int
    terms: list[Term]


class XetFiles:
    """All files kept as chunks. Hashes are in their text form."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self.tables = ChunkTables(database)
        self._database = database
        self._blobs = blobs
        self._paths = blobs if isinstance(blobs, HasPaths) else None
        self._verdicts = Verdicts()

    def knows(self, xorb: str) -> bool:
        """Whether the xorb is (still) stored, by its row."""
        return self._database.fetch_one_sync(_XORB, {"hash": xorb}) is not None

    def reconstruction(self, repo_id: int, xet_hash: str, start: int = 0, end: int | None = None) -> Reconstruction:
        """How a client builds bytes [start, end) of a file of the repo.

        Raises ContentNotFound for a file that the repo does not hold, absent and foreign alike; RangeNotSatisfiable.
        """
        row = self._database.fetch_one_sync(_IN_REPO, {"hash": xet_hash, "repo": repo_id})
        if row is None:
            raise ContentNotFound(f"This repo has no file with the Xet hash {xet_hash}")
        file = _file(row)
        planned = plan(file.terms, file.size, self.tables, start, end)
        self._check_xorbs(planned.fetches)
        return planned

    def check(self, xet_hash: str) -> None:
        """Raises Corrupt unless all that the file is made of is here and, at a glance, whole."""
        row = self._database.fetch_one_sync(_BY_HASH, {"hash": xet_hash})
        if row is None:
            raise Corrupt(f"The file with the Xet hash {xet_hash} is missing")
        self._check_xorbs({term.xorb for term in _file(row).terms})

    def check_xorb(self, xorb: bytes) -> None:
        """Clients verify nothing that they download: bytes that somebody wrote to are hashed before they are named.
        Raises Corrupt when they are missing or wrong. A store without files of ours hashes what it keeps itself."""
        if self._paths is not None:
            self.open_xorb(xorb)

    def _check_xorbs(self, xorbs: Collection[bytes]) -> None:
        """As `check_xorb`; without files, what the scrub found gone or wrong has no row any more."""
        if self._paths is None:
            self._check_rows(sorted(to_text(xorb) for xorb in xorbs))
        for xorb in xorbs:
            self.check_xorb(xorb)

    def _check_rows(self, names: list[str]) -> None:
        """The remembered tables of xorbs outlive their rows. Raises Corrupt."""
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            query = sa.select(sa.func.count()).where(schema.xorbs.c.hash.in_(batch))
            with self._database.read() as connection:
                if connection.execute(query).scalar_one() != len(batch):
                    raise Corrupt("A xorb of this file is missing: upload the file again")

    def open_xorb(self, xorb: bytes) -> OpenFile | None:
        """The stored xorb held open, found whole; None where the store has no files. Raises Corrupt."""
        if self._paths is None:
            return None
        name = to_text(xorb)
        file = open_file(self._paths.path(xorb_key(name)))
        if file is None:
            raise Corrupt(f"The xorb {name} is missing")
        self._verdicts.check(file, name, _is_xorb)
        return file

    def read(self, xet_hash: str, start: int, end: int) -> Iterator[bytes]:
        """Raw bytes [start, end) of a file that a row names, in pieces of about 1 MiB. Raises Corrupt rather than
        give one wrong byte: every chunk is hashed on its way out."""
        row = self._database.fetch_one_sync(_BY_HASH, {"hash": xet_hash})
        if row is None:
            raise Corrupt(f"The file with the Xet hash {xet_hash} is missing")
        return self.read_terms(_file(row), start, end)

    def read_terms(self, file: XetFile, start: int, end: int) -> Iterator[bytes]:
        """As `read`, for a file that may have no row yet."""
        if start >= end:
            return
        planned = plan(file.terms, file.size, self.tables, start, end)
        skip, left = planned.skip, end - start
        for term in planned.terms:
            for piece in self._pieces(term):
                wanted = piece[skip : skip + left]
                skip = max(skip - len(piece), 0)
                left -= len(wanted)
                if wanted:
                    yield wanted

    def _pieces(self, term: Term) -> Iterator[bytes]:
        """The raw bytes of a term; each piece is as many whole chunks as one read of the store completed."""
        table = self.tables(term.xorb)
        stored_end = table.stored_start(term.end)
        at, held = term.start, b""
        for part in self._blobs.read(xorb_key(to_text(term.xorb)), table.stored_start(at), stored_end):
            held = held + part if held else part
            complete = table.stored_index_at(table.stored_start(at) + len(held))
            ready = table.stored_start(complete) - table.stored_start(at)
            if ready:
                yield b"".join(_checked(table, at, decode(memoryview(held)[:ready])))
                at, held = complete, held[ready:]


def _checked(table: ChunkTable, start: int, chunks: Iterable[Piece]) -> Iterator[Piece]:
    """Passes chunks on whose hash is the one in the table."""
    try:
        for index, data in enumerate(chunks, start):
            if chunk_hash(data) != table.hashes(index, index + 1):
                raise Corrupt("A stored chunk does not match its hash")
            yield data
    except BadRequest as error:
        raise Corrupt("A stored chunk cannot be decoded") from error


def _is_xorb(file: OpenFile, name: str) -> bool:
    with os.fdopen(os.dup(file.descriptor), "rb") as body, translated():
        body.seek(0)
        return is_true(body, from_text(name), file.size)


def _file(row: Row) -> XetFile:
    size, terms = row
    return XetFile(size, parse_terms(bytes(terms)))
