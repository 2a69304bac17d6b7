"""What clients upload: xorbs, then the shard that makes files of them.

The order is the whole promise: verified bytes are durable in the store before a row names them, and a file exists only
when its sha256 was computed from those bytes (no client's statement is taken for it).
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent, insert_rows, upsert
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Conflict, ContentMismatch, Corrupt, TooLarge
from pioche.jobs import leases
from pioche.names import Sha256
from pioche.storage import collection, quotas
from pioche.storage.blobs import BlobStore, shard_key, xorb_key
from pioche.storage.contents import LOST, Content, check_alive, insert_content, insert_links
from pioche.storage.disk import translated
from pioche.storage.quotas import UNLIMITED, Quotas
from pioche.storage.xet import shards
from pioche.storage.xet.dedup import MayRead, is_asked_for
from pioche.storage.xet.drafts import XorbDraft
from pioche.storage.xet.files import XetFiles
from pioche.storage.xet.hashing import to_text
from pioche.storage.xet.reconstruction import parse_terms
from pioche.storage.xet.shards import CheckedFile
from pioche.storage.xet.xorbs import ChunkTable, verify

_BATCH = 500  # bound parameters in one statement
_WAIT_SECONDS = 120.0  # for another upload of the same xorb; longer than the lease of one that died


@dataclass(frozen=True, slots=True)
class _Proved:
    """A file whose terms and sha256 are true."""

    file: CheckedFile
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class _Received:
    """A verified xorb: a local file, whose bytes may lie in the store as well, under the key `stored`."""

    table: ChunkTable
    draft: Path
    stored: str | None = None


class XetUploads:
    """`file_bytes_max` bounds what one file may be."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        files: XetFiles,
        *,
        file_bytes_max: int,
        storage_quotas: Quotas = UNLIMITED,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._files = files
        self._quotas = storage_quotas
        self._file_bytes_max = file_bytes_max

    def put_xorb(self, repo_id: int, user_id: int, name: bytes, draft: XorbDraft, *, stored: str | None = None) -> bool:
        """Takes over a xorb received for a repo: durable and remembered as this user's. False if this user sent it before:
        whether others did is not told.

        The bytes are verified even then: having sent them is what allows the user to name the xorb in a shard, and what
        mends a stored xorb that is lost or damaged. With `stored`, the draft's bytes lie in the store under that key as
        well, where nobody else can write, and are moved from there. Raises ContentMismatch, BadRequest; Corrupt when the
        stored one is damaged and these chunks, packed otherwise, cannot stand in for it; RepoNotFound.
        """
        table = draft.finish(name)
        with translated():
            if draft.path.stat().st_size > table.stored_bytes:
                os.truncate(draft.path, table.stored_bytes)
                stored = None
        received = _Received(table, draft.path, stored)
        return self._take_in(name, received, lambda kept: self._record_sent(repo_id, user_id, to_text(name), kept))

    def keep_xorb(self, name: bytes, table: ChunkTable, draft: Path) -> None:
        """Takes over a xorb that the hub made itself, as durable as one that was sent. Files have to name it before long:
        nobody else is known to want it."""
        self._take_in(name, _Received(table, draft), lambda kept: self._record_made(to_text(name), kept))

    def _take_in(self, name: bytes, received: _Received, record: Callable[[ChunkTable], bool]) -> bool:
        """Bytes first, then `record` with the table of what is stored; returns what that says."""
        text = to_text(name)
        known = self._known_table(text)
        if known is None:
            # One at a time: whoever comes second with these chunks compressed otherwise must not overwrite the first.
            with leases.held(self._database, f"xorb {text}", "an upload", wait_seconds=_WAIT_SECONDS):
                known = self._known_table(text)
                if known is None:
                    self._put(xorb_key(text), received)
                    return record(received.table)
        self._mend(name, known, received)
        received.draft.unlink(missing_ok=True)
        return record(known)

    def _put(self, key: str, received: _Received) -> None:
        if received.stored is None or self._blobs.size(key) is not None:
            self._blobs.put(key, received.draft)
        else:
            self._blobs.move(received.stored, key)

    def _known_table(self, name: str) -> ChunkTable | None:
        with self._database.read() as connection:
            found = connection.execute(sa.select(schema.xorbs.c.chunks).filter_by(hash=name)).scalar()
        return None if found is None else ChunkTable(bytes(found))

    def _mend(self, name: bytes, known: ChunkTable, received: _Received) -> None:
        """Looks whether the stored xorb is what its row says; if not, what came takes its place, where it can."""
        key = xorb_key(to_text(name))
        if _is_whole(self._blobs, key, name, known):
            return
        if known != received.table:
            raise Corrupt(f"The stored xorb {to_text(name)} is damaged, and yours is compressed in another way")
        self._blobs.delete(key)
        self._blobs.put(key, received.draft)

    def register(self, repo_id: int, user_id: int, body: bytes, may_read: MayRead) -> None:
        """Makes the files of a shard exist in the repo. All or nothing; doing it twice succeeds.

        Raises BadRequest, ContentMismatch, TooLarge, QuotaExceeded. An absent xorb and a foreign one look alike.
        """
        shard = shards.parse(body)
        usable = self._usable(user_id, _named(shard), may_read)

        def table_of(xorb: bytes) -> ChunkTable:
            if xorb not in usable:
                raise BadRequest(f"The shard names xorb {to_text(xorb)}, which you have not uploaded: upload it first")
            self._files.check_xorb(xorb)
            return self._files.tables(xorb)

        for entry in shard.xorbs:
            shards.check_xorb(entry, table_of(entry.hash))
        proved = [self._prove(shards.check_file(entry, table_of)) for entry in shard.files]
        xorbs = [quotas.xorb_key(to_text(xorb)) for xorb in usable]
        sizes = {p.sha256: p.file.size for p in proved}
        with self._quotas.reserve(repo_id, user_id, sizes, instead_of=xorbs) as reserved:
            self._blobs.put_bytes(shard_key(hashlib.sha256(body).hexdigest()), body)
            self._record_files(repo_id, user_id, proved)
            reserved.keep()

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
        actual = self._known_sha256(file.hash) or self._files.sha256(parse_terms(file.terms))
        if file.sha256 is not None and file.sha256 != actual:
            raise ContentMismatch(f"The shard says sha256 {file.sha256} of a file that has sha256 {actual}")
        return _Proved(file, actual)

    def _known_sha256(self, file_hash: bytes) -> Sha256 | None:
        """From an earlier proof: the Xet hash, which the terms were just found to have, names the same bytes.

        Not of a file that is lost: its terms may name bytes that are gone, so these here must be read.
        """
        table = schema.contents
        query = sa.select(table.c.sha256).where(table.c.xet_hash == to_text(file_hash), table.c.kind != LOST).limit(1)
        with self._database.read() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else Sha256(found)

    # --- rows ---

    def _record_made(self, name: str, table: ChunkTable) -> bool:
        with self._writing() as connection:
            self._insert_xorb(connection, name, table, now_ms())
        return True

    def _insert_xorb(self, connection: sa.Connection, name: str, table: ChunkTable, at: int) -> None:
        sizes = {"size": table.stored_bytes, "raw_size": table.raw_bytes, "chunk_count": table.count}
        row = {"hash": name, **sizes, "chunks": table.packed, "created_at": at}
        new = insert_if_absent(connection, schema.xorbs).values(row).returning(schema.xorbs.c.hash)
        if connection.execute(new).first() is not None:
            collection.claim(connection, self._blobs, xorb_key(name))

    def _record_sent(self, repo_id: int, user_id: int, name: str, table: ChunkTable) -> bool:
        at = now_ms()
        with self._writing() as connection:
            self._insert_xorb(connection, name, table, at)
            mine = {"user_id": user_id, "hash": name}
            before = connection.execute(sa.select(schema.xorb_uploads.c.at).filter_by(**mine)).first()
            sent = upsert(connection, schema.xorb_uploads, ["user_id", "hash"], ["at"])
            connection.execute(sent.values(**mine, at=at))
            remembered = upsert(connection, schema.remembered_xorbs, ["repo_id", "hash"], ["epoch", "at"])
            connection.execute(remembered.values(repo_id=repo_id, hash=name, epoch=_epoch(connection, repo_id), at=at))
        return before is None

    def _record_files(self, repo_id: int, user_id: int, proved: list[_Proved]) -> None:
        at = now_ms()
        # In one order everywhere: two transactions that insert the same rows must not wait for each other.
        proved = sorted(proved, key=lambda p: p.file.hash)
        files = [file_row(p.file, at) for p in proved]
        rows = self.index_rows([p.file for p in proved])
        with self._writing() as connection:
            _forget_lost_terms(connection, [file["hash"] for file in files])
            insert_rows(connection, schema.xet_files, files)
            made_otherwise = _made_otherwise(connection, {p.file.hash: p.file.terms for p in proved})
            for table, found in rows:
                insert_rows(connection, table, [row for row in found if row.get("file") not in made_otherwise])
            for p in proved:
                _record_content(connection, p)
            insert_links(connection, repo_id, user_id, [p.sha256 for p in proved])

    def index_rows(self, files: Sequence[CheckedFile]) -> list[tuple[sa.Table, list[dict[str, object]]]]:
        """What is kept of files besides themselves: which xorbs they are made of, and the chunks that clients ask for."""
        parts = sorted({(to_text(term.xorb), to_text(f.hash)) for f in files for term in parse_terms(f.terms)})
        return [
            (schema.xet_file_xorbs, [{"xorb": xorb, "file": file} for xorb, file in parts]),
            (schema.xet_chunks, list(self._asked_for(files))),
        ]

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        try:
            with self._database.write() as connection:
                collection.keep_out(connection)
                yield connection
        except sa.exc.IntegrityError as error:
            raise Conflict("The repo, the account or a xorb was deleted meanwhile: upload again") from error

    def _asked_for(self, files: Iterable[CheckedFile]) -> Iterator[dict[str, object]]:
        """Rows of the chunks that clients may ask for: those that begin a file, and one in 1024."""
        begins, xorbs = set[tuple[bytes, int]](), set[bytes]()
        for file in files:
            terms = parse_terms(file.terms)
            begins.update((term.xorb, term.start) for term in terms[:1])
            xorbs.update(term.xorb for term in terms)
        for xorb in sorted(xorbs):
            table = self._files.tables(xorb)
            for index in range(table.count):
                name = table.hashes(index, index + 1)
                if is_asked_for(name) or (xorb, index) in begins:
                    yield {"hash": name, "xorb": to_text(xorb), "position": index}


def _made_otherwise(connection: sa.Connection, files: Mapping[bytes, bytes]) -> set[str]:
    """Those of `files` (hash and terms) that are stored with other terms already: they need no xorb of these."""
    terms, table = {to_text(name): packed for name, packed in files.items()}, schema.xet_files
    found = set[str]()
    for names in _batches(sorted(terms)):
        rows = connection.execute(sa.select(table.c.hash, table.c.terms).where(table.c.hash.in_(names)))
        found.update(row.hash for row in rows if bytes(row.terms) != terms[row.hash])
    return found


def file_row(file: CheckedFile, at: int) -> dict[str, object]:
    """Of `xet_files`; `at` is Unix milliseconds."""
    return {"hash": to_text(file.hash), "size": file.size, "terms": file.terms, "created_at": at}


def _is_whole(blobs: BlobStore, key: str, name: bytes, table: ChunkTable) -> bool:
    """Whether the stored bytes are this xorb, packed as the table says. Raises Unavailable when the store fails."""
    if blobs.size(key) != table.stored_bytes:
        return False
    try:
        return verify(blobs.read(key, once=True), name) == table
    except (Corrupt, BadRequest, ContentMismatch, TooLarge):
        return False


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


def _forget_lost_terms(connection: sa.Connection, hashes: list[object]) -> None:
    """Terms of files whose bytes were lost: the ones that were just proved take their place."""
    files, contents = schema.xet_files, schema.contents
    for start in range(0, len(hashes), _BATCH):
        lost = sa.select(contents.c.xet_hash).where(
            contents.c.xet_hash.in_(hashes[start : start + _BATCH]), contents.c.kind == LOST
        )
        connection.execute(files.delete().where(files.c.hash.in_(lost)))


def _record_content(connection: sa.Connection, proved: _Proved) -> None:
    """A file that is kept whole already stays so; it gains the Xet hash, so that Xet clients may fetch it as chunks."""
    xet_hash = to_text(proved.file.hash)
    insert_content(connection, Content(proved.sha256, proved.file.size, "xet", xet_hash))
    table = schema.contents
    unnamed = table.update().where(table.c.sha256 == proved.sha256, table.c.xet_hash.is_(None))
    connection.execute(unnamed.values(xet_hash=xet_hash))
