"""Files kept as chunks: finding them within a repo, planning their reconstruction, reading their bytes.

A stored file's `terms` are packed as `shards.TERM`: 44 bytes each, in file order.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database, Lookup, Row
from pioche.errors import BadRequest, ContentNotFound, Corrupt
from pioche.names import Sha256
from pioche.storage.blobs import BlobStore, HasPaths, xorb_key
from pioche.storage.disk import OpenFile, open_file, pieces
from pioche.storage.seals import Verdicts
from pioche.storage.xet.codec import Decoder, Part
from pioche.storage.xet.hashing import chunk_hash, from_text, to_text
from pioche.storage.xet.reconstruction import Reconstruction, Term, parse_terms, plan
from pioche.storage.xet.tables import ChunkTables
from pioche.storage.xet.xorbs import is_true

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
            for chunks in self._chunks(term):
                piece = b"".join(chunks)
                wanted = piece[skip : skip + left]
                skip = max(skip - len(piece), 0)
                left -= len(wanted)
                if wanted:
                    yield wanted

    def sha256(self, terms: Iterable[Term]) -> Sha256:
        """Of the bytes that these terms make, as they lie in the store. Raises Corrupt."""
        digest = hashlib.sha256()
        for term in terms:
            for chunks in self._chunks(term, once=True):
                for data in chunks:
                    digest.update(data)
        return Sha256(digest.hexdigest())

    def _chunks(self, term: Term, *, once: bool = False) -> Iterator[list[Part]]:
        """The raw bytes of the chunks of a term: as many at a time as one read of the store completed."""
        table = self.tables(term.xorb)
        stored = table.stored_start(term.start), table.stored_start(term.end)
        decoder, index = Decoder(), term.start
        for piece in self._blobs.read(xorb_key(to_text(term.xorb)), *stored, once=once):
            chunks = _decoded(decoder, piece)
            names = b"".join(map(chunk_hash, chunks))
            if names != table.hashes(index, index + len(chunks)):
                raise Corrupt("A stored chunk does not match its hash")
            index += len(chunks)
            yield chunks
        if index != term.end:
            raise Corrupt("A stored chunk cannot be decoded")


def _decoded(decoder: Decoder, piece: bytes) -> list[Part]:
    try:
        return [chunk.data for chunk in decoder.add(piece)]
    except BadRequest as error:
        raise Corrupt("A stored chunk cannot be decoded") from error


def _is_xorb(file: OpenFile, name: str) -> bool:
    return is_true(pieces(file), from_text(name), file.size)


def _file(row: Row) -> XetFile:
    size, terms = row
    return XetFile(size, parse_terms(bytes(terms)))
