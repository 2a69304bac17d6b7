"""What clients upload: xorbs, then the shard that makes files of them.

The order is the whole promise: verified bytes are durable in the store before a row names them, and a file exists only
when its sha256 was computed from those bytes (no client's statement is taken for it).
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent, upsert
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Conflict, ContentMismatch, TooLarge
from pioche.names import Sha256
from pioche.storage import collection
from pioche.storage.blobs import BlobStore, shard_key, xorb_key
from pioche.storage.contents import Content, check_alive, insert_content, insert_links
from pioche.storage.xet import shards
from pioche.storage.xet.dedup import MayRead, is_asked_for
from pioche.storage.xet.files import XetFile, XetFiles
from pioche.storage.xet.hashing import to_text
from pioche.storage.xet.reconstruction import parse_terms
from pioche.storage.xet.shards import CheckedFile
from pioche.storage.xet.xorbs import ChunkTable, verify

_BATCH = 500  # bound parameters in one statement


@dataclass(frozen=True, slots=True)
class _Proved:
    """A file whose terms and sha256 are true."""

    file: CheckedFile
    sha256: Sha256


class XetUploads:
    """`file_bytes_max` bounds what one file may be."""

    def __init__(self, database: Database, blobs: BlobStore, files: XetFiles, *, file_bytes_max: int) -> None:
        self._database = database
        self._blobs = blobs
        self._files = files
        self._file_bytes_max = file_bytes_max

    def put_xorb(self, repo_id: int, user_id: int, name: bytes, draft: Path) -> bool:
        """Takes over a xorb received for a repo: verified, durable and remembered as this user's. False if it was there before.

        The bytes are verified even then: having sent them is what allows the user to name the xorb in a shard.
        Raises ContentMismatch, BadRequest, TooLarge; then the draft is still there. Raises RepoNotFound.
        """
        with draft.open("rb") as body:
            table = verify(body, name)
        if draft.stat().st_size > table.stored_bytes:
            os.truncate(draft, table.stored_bytes)
        self._blobs.put(xorb_key(to_text(name)), draft)
        return self._record_xorb(repo_id, user_id, to_text(name), table)

    def register(self, repo_id: int, user_id: int, body: bytes, may_read: MayRead) -> None:
        """Makes the files of a shard exist in the repo. All or nothing; doing it twice succeeds.

        Raises BadRequest, ContentMismatch, TooLarge. An absent xorb and a foreign one look alike.
        """
        shard = shards.parse(body)
        usable = self._usable(user_id, _named(shard), may_read)

        def table_of(xorb: bytes) -> ChunkTable:
            if xorb not in usable:
                raise BadRequest(f"The shard names xorb {to_text(xorb)}, which you have not uploaded: upload it first")
            return self._files.tables(xorb)

        for entry in shard.xorbs:
            shards.check_xorb(entry, table_of(entry.hash))
        proved = [self._prove(shards.check_file(entry, table_of)) for entry in shard.files]
        self._blobs.put_bytes(shard_key(hashlib.sha256(body).hexdigest()), body)
        self._record_files(repo_id, user_id, proved)

    # --- may the user name these xorbs? ---

    def _usable(self, user_id: int, xorbs: set[bytes], may_read: MayRead) -> set[bytes]:
        """Those that the user uploaded, or that are in a repo they may read now (architecture.md section 2.7)."""
        wanted = {to_text(xorb): xorb for xorb in xorbs}
        usable = set[bytes]()
        with self._database.read() as connection:
            for names in _batches(list(wanted)):
                usable |= {wanted[name] for name in _uploaded(connection, user_id, names)}
            foreign = [name for name, xorb in wanted.items() if xorb not in usable]
            holders = [pair for names in _batches(foreign) for pair in _holders(connection, names)]
        readable = may_read(sorted({repo_id for _, repo_id in holders}))
        return usable | {wanted[name] for name, repo_id in holders if repo_id in readable}

    # --- is the sha256 true? ---

    def _prove(self, file: CheckedFile) -> _Proved:
        if file.size > self._file_bytes_max:
            raise TooLarge(
                f"A file may have at most {self._file_bytes_max} bytes; {to_text(file.hash)} has {file.size}"
            )
        actual = self._known_sha256(file.hash) or self._compute_sha256(file)
        if file.sha256 is not None and file.sha256 != actual:
            raise ContentMismatch(f"The shard says sha256 {file.sha256} of a file that has sha256 {actual}")
        return _Proved(file, actual)

    def _known_sha256(self, file_hash: bytes) -> Sha256 | None:
        """From an earlier proof: the Xet hash, which the terms were just found to have, names the same bytes."""
        query = sa.select(schema.contents.c.sha256).filter_by(xet_hash=to_text(file_hash)).limit(1)
        with self._database.read() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else Sha256(found)

    def _compute_sha256(self, file: CheckedFile) -> Sha256:
        digest = hashlib.sha256()
        for piece in self._files.read_terms(XetFile(file.size, parse_terms(file.terms)), 0, file.size):
            digest.update(piece)
        return Sha256(digest.hexdigest())

    # --- rows ---

    def _record_xorb(self, repo_id: int, user_id: int, name: str, table: ChunkTable) -> bool:
        at = now_ms()
        sizes = {"size": table.stored_bytes, "raw_size": table.raw_bytes, "chunk_count": table.count}
        row = {"hash": name, **sizes, "chunks": table.packed, "created_at": at}
        with self._writing() as connection:
            new = insert_if_absent(connection, schema.xorbs).values(row).returning(schema.xorbs.c.hash)
            inserted = connection.execute(new).first() is not None
            if inserted:
                collection.claim(connection, self._blobs, xorb_key(name))
            mine = upsert(connection, schema.xorb_uploads, ["user_id", "hash"], ["at"])
            connection.execute(mine.values(user_id=user_id, hash=name, at=at))
            remembered = upsert(connection, schema.remembered_xorbs, ["repo_id", "hash"], ["epoch", "at"])
            connection.execute(remembered.values(repo_id=repo_id, hash=name, epoch=_epoch(connection, repo_id), at=at))
        return inserted

    def _record_files(self, repo_id: int, user_id: int, proved: list[_Proved]) -> None:
        at = now_ms()
        # In one order everywhere: two transactions that insert the same rows must not wait for each other.
        proved = sorted(proved, key=lambda p: p.file.hash)
        xorbs = sorted({term.xorb for p in proved for term in parse_terms(p.file.terms)})
        files = [
            {"hash": to_text(p.file.hash), "size": p.file.size, "terms": p.file.terms, "created_at": at} for p in proved
        ]
        chunks = list(self._asked_for(proved, xorbs))
        with self._writing() as connection:
            for table, rows in ((schema.xet_files, files), (schema.xet_chunks, chunks)):
                if rows:
                    connection.execute(insert_if_absent(connection, table), rows)
            link_xorbs(connection, repo_id, [to_text(xorb) for xorb in xorbs])
            for p in proved:
                _record_content(connection, p)
            insert_links(connection, repo_id, user_id, [p.sha256 for p in proved])

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        try:
            with self._database.write() as connection:
                collection.keep_out(connection)
                yield connection
        except sa.exc.IntegrityError as error:
            raise Conflict("The repo, the account or a xorb was deleted meanwhile: upload again") from error

    def _asked_for(self, proved: list[_Proved], xorbs: Iterable[bytes]) -> Iterator[dict[str, object]]:
        """Rows of the chunks that clients may ask for: those that begin a file, and one in 1024."""
        begins = {(term.xorb, term.start) for p in proved for term in parse_terms(p.file.terms)[:1]}
        for xorb in xorbs:
            table = self._files.tables(xorb)
            for index in range(table.count):
                name = table.hashes(index, index + 1)
                if is_asked_for(name) or (xorb, index) in begins:
                    yield {"hash": name, "xorb": to_text(xorb), "position": index}


def link_xorbs(connection: sa.Connection, repo_id: int, names: Iterable[str]) -> None:
    """A file of the repo is made of these xorbs from here on. The time of the link becomes now: a collection that is
    under way sees by it that they are used. After `collection.keep_out`."""
    at = now_ms()
    rows = [{"repo_id": repo_id, "hash": name, "created_at": at} for name in sorted(set(names))]
    if rows:
        connection.execute(upsert(connection, schema.repo_xorbs, ["repo_id", "hash"], ["created_at"]), rows)


def _epoch(connection: sa.Connection, repo_id: int) -> int:
    """Raises RepoNotFound for a repo that was deleted since it was opened."""
    check_alive(connection, repo_id)
    return int(connection.execute(sa.select(schema.repos.c.epoch).where(schema.repos.c.id == repo_id)).scalar_one())


def _named(shard: shards.Shard) -> set[bytes]:
    """Every xorb that a shard names."""
    named = {entry.hash for entry in shard.xorbs}
    for file in shard.files:
        named.update(shards.xorbs_of(file))
    return named


def _batches(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), _BATCH):
        yield names[start : start + _BATCH]


def _uploaded(connection: sa.Connection, user_id: int, names: list[str]) -> Iterator[str]:
    table = schema.xorb_uploads
    yield from connection.execute(
        sa.select(table.c.hash).where(table.c.user_id == user_id, table.c.hash.in_(names))
    ).scalars()


def _holders(connection: sa.Connection, names: list[str]) -> Iterator[tuple[str, int]]:
    table = schema.repo_xorbs
    for row in connection.execute(sa.select(table.c.hash, table.c.repo_id).where(table.c.hash.in_(names))):
        yield row.hash, row.repo_id


def _record_content(connection: sa.Connection, proved: _Proved) -> None:
    """A file that is kept whole already stays so; it gains the Xet hash, so that Xet clients may fetch it as chunks."""
    xet_hash = to_text(proved.file.hash)
    insert_content(connection, Content(proved.sha256, proved.file.size, "xet", xet_hash))
    table = schema.contents
    unnamed = table.update().where(table.c.sha256 == proved.sha256, table.c.xet_hash.is_(None))
    connection.execute(unnamed.values(xet_hash=xet_hash))
