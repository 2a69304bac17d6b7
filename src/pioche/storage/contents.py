"""Large files, each stored once, and the repos that hold them.

Every upload, whatever its protocol, ends in `adopt` (whole files) or in `storage.xet` (chunks): bytes first, verified and
durable; then one row and the link to the repo. Knowing a sha256 gives nothing: a link is made only from verified bytes
uploaded to the repo, or by `link` from a repo the caller may read (invariant I5).
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent, upsert
from pioche.db.engine import Database, Lookup
from pioche.db.instance import now_ms
from pioche.errors import ContentNotFound, Corrupt, RepoNotFound
from pioche.names import Sha256
from pioche.storage import collection
from pioche.storage.blobs import BlobStore, HasPaths, blob_key
from pioche.storage.disk import OpenFile, open_file, translated
from pioche.storage.opened import Opened
from pioche.storage.rebuilt import Rebuilt
from pioche.storage.seals import Verdicts, has_sha256, is_sealed

LOST = "lost"
"""The kind of a file whose bytes turned out to be gone or wrong (`storage.damage`): an upload brings them back."""

_BATCH = 500  # bound parameters in one statement
_PROMISED_MS = 3_600_000  # a link that was made or renewed within it need not be renewed again

_ONE = Lookup(
    """
    SELECT c.sha256, c.size, c.kind, c.xet_hash FROM repo_contents l JOIN contents c ON c.sha256 = l.sha256
    WHERE l.repo_id = :repo AND l.sha256 = :sha256
    """
)


@dataclass(frozen=True, slots=True)
class Content:
    """A large file. `kind` is `blob`, `xet` or `lost`; readers need not care."""

    sha256: Sha256
    size: int
    kind: str
    xet_hash: str | None


class XetReader(Protocol):
    """What a file kept as chunks is read through (`storage.xet`)."""

    def read(self, xet_hash: str, start: int, end: int) -> Iterator[bytes]:
        """Raw bytes [start, end) of the file."""
        ...

    def check(self, xet_hash: str) -> None:
        """Raises Corrupt unless all that the file is made of is here and, as far as is known, whole."""
        ...


class Contents:
    """All large files of one hub."""

    def __init__(self, database: Database, blobs: BlobStore, xet: XetReader, rebuilt: Rebuilt | None = None) -> None:
        """Without `rebuilt`, files kept as chunks are put together for every reader."""
        self._database = database
        self._blobs = blobs
        self._paths = blobs if isinstance(blobs, HasPaths) else None
        self._xet = xet
        self._rebuilt = rebuilt
        self._path_of = lru_cache(maxsize=4096)(self._path)  # making a Path takes as long as opening it
        self._verdicts = Verdicts()
        self.opened = Opened()

    # --- finding ---

    def find(self, repo_id: int, sha256s: Sequence[Sha256]) -> dict[Sha256, Content]:
        """Those of `sha256s` that are linked to the repo."""
        if not sha256s:
            return {}
        with self._database.read() as connection:
            return linked(connection, repo_id, sha256s)

    def get(self, repo_id: int, sha256: Sha256) -> Content:
        """Raises ContentNotFound unless it is linked to the repo: absent and foreign look the same."""
        try:
            return self.find(repo_id, [sha256])[sha256]
        except KeyError:
            raise _not_found(sha256) from None

    async def locate(self, repo_id: int, sha256: Sha256) -> Content:
        """As `get`, on the event loop: the hot path of downloads. Raises Corrupt for one whose bytes are lost."""
        row = await self._database.fetch_one(_ONE, {"repo": repo_id, "sha256": sha256})
        if row is None:
            raise _not_found(sha256)
        content = Content(*row)
        if content.kind == LOST:
            raise lost()
        return content

    def was_removed(self, repo_id: int, sha256: Sha256) -> bool:
        """Whether somebody removed it from the repo for good: then it is not damage that it is not there."""
        table = schema.removed_contents
        with self._database.read() as connection:
            query = sa.select(table.c.at).where(table.c.repo_id == repo_id, table.c.sha256 == sha256)
            return connection.execute(query).first() is not None

    # --- reading ---

    def read(self, content: Content, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Bytes [start, end), whatever the representation. Raises Corrupt when they are lost or wrong."""
        if content.kind != "xet":  # where every chunk is hashed on its way out
            self.check(content)
        stop = content.size if end is None else end
        if content.kind == "xet":
            return self._xet.read(content.xet_hash or "", start, stop)
        return self._blobs.read(blob_key(content.sha256), start, stop)

    def path(self, content: Content) -> Path | None:
        """The local file that holds exactly these bytes, when there is one."""
        return self._path_of(content.sha256) if content.kind == "blob" else None

    def _path(self, sha256: Sha256) -> Path | None:
        return None if self._paths is None else self._paths.path(blob_key(sha256))

    def open(self, content: Content) -> OpenFile | None:
        """A local file of exactly these bytes, held open; None when there is none: then `read` gives them.

        Raises Corrupt when there should be one.
        """
        if content.kind == "xet":
            return self._rebuilt.open(content.sha256, content.size) if self._rebuilt else None
        path = self.path(content)
        if path is None:
            return None
        file = open_file(path)
        if file is None or file.size != content.size:
            raise Corrupt("A stored file is missing or has lost a part")
        return file

    # --- are they still what they were? (decision 11) ---

    def glance(self, sha256: Sha256, size: int) -> bool:
        """True when one look at the disk says that the file is here and whole: for the event loop."""
        if self._paths is None:
            return False
        try:
            status = self._paths.path(blob_key(sha256)).stat()
        except OSError:
            return False
        return status.st_size == size and is_sealed(status, sha256)

    def is_known_whole(self, content: Content, file: OpenFile) -> bool:
        """Of a file that `open` gave: False when its bytes should be hashed first (`verify`). Raises Corrupt."""
        return content.kind == "xet" or self._verdicts.is_known_whole(file, content.sha256)

    def verify(self, content: Content, file: OpenFile) -> None:
        """Raises Corrupt when the bytes of a file that `open` gave are wrong. About a second a gigabyte."""
        if content.kind == "blob":
            self._verdicts.check(file, content.sha256, has_sha256)

    def check(self, content: Content) -> None:
        """Raises Corrupt when the file is lost, or looks as if it might be damaged and is."""
        if content.kind == LOST:
            raise lost()
        if content.kind == "xet":
            self._xet.check(content.xet_hash or "")
        elif (file := self.open(content)) is not None:
            self.verify(content, file)

    def is_whole(self, content: Content) -> bool:
        """As `check`: what is not whole has to be sent again."""
        try:
            self.check(content)
        except Corrupt:
            return False
        return True

    def asked(self, content: Content, count: int) -> None:
        """Somebody is about to `read` that many bytes of it: what is often read slowly is made ready to `open`."""
        if self._rebuilt is not None and content.kind == "xet":
            self._rebuilt.asked(content.sha256, content.size, count, lambda: self.read(content))

    # --- changing ---

    def adopt(self, repo_id: int, uploader_id: int, sha256: Sha256, draft: Path) -> None:
        """Takes over a local file whose sha256 was computed while it arrived: durable and linked when this returns.

        Raises RepoNotFound when the repo was deleted meanwhile.
        """
        with translated():
            size = draft.stat().st_size
        self._adopt(repo_id, uploader_id, sha256, size, lambda key: self._blobs.put(key, draft))
        with translated():
            draft.unlink(missing_ok=True)

    def adopt_stored(self, repo_id: int, uploader_id: int, sha256: Sha256, size: int, stored: str) -> None:
        """As `adopt`, for bytes that lie in the store already, under the key `stored`, where nobody else can write."""

        def put(key: str) -> None:
            if self._blobs.size(key) != size:
                self._blobs.move(stored, key)

        self._adopt(repo_id, uploader_id, sha256, size, put)
        self._blobs.delete(stored)

    def keep(self, data: bytes, link: Callable[[sa.Connection, Sha256], None]) -> None:
        """Stores what the hub made itself and no repo holds, a picture say. `link` inserts what leads to it, in the same
        transaction: collection has to know of that (`upkeep.collection.contents`). Raises what `link` raises, and
        RepoNotFound when what it refers to is gone."""
        sha256 = Sha256(hashlib.sha256(data).hexdigest())

        def put(key: str) -> None:
            self._blobs.put_bytes(key, data)

        self._store(sha256, len(data), put, lambda connection: link(connection, sha256))

    def _adopt(self, repo_id: int, uploader_id: int, sha256: Sha256, size: int, put: Callable[[str], None]) -> None:
        self._store(sha256, size, put, lambda connection: insert_links(connection, repo_id, uploader_id, [sha256]))

    def _store(
        self, sha256: Sha256, size: int, put: Callable[[str], None], link: Callable[[sa.Connection], None]
    ) -> None:
        if self._is_in_chunks(sha256) and self._link_chunks(sha256, link):
            return
        put(blob_key(sha256))
        with self._linking() as connection:
            _lose_chunks(connection, sha256)
            if insert_content(connection, Content(sha256, size, "blob", None)):
                collection.claim(connection, self._blobs, blob_key(sha256))
            link(connection)

    def _link_chunks(self, sha256: Sha256, link: Callable[[sa.Connection], None]) -> bool:
        """False when the chunks were collected meanwhile: then the draft is all there is."""
        table = schema.contents
        with self._linking() as connection:
            kind = connection.execute(sa.select(table.c.kind).filter_by(sha256=sha256)).scalar()
            if kind == "xet":
                link(connection)
        return bool(kind == "xet")

    @contextmanager
    def _linking(self) -> Iterator[sa.Connection]:
        try:
            with self._database.write() as connection:
                collection.keep_out(connection)
                yield connection
        except sa.exc.IntegrityError:
            raise RepoNotFound from None

    def promise(self, repo_id: int, sha256s: Sequence[Sha256]) -> dict[Sha256, Content]:
        """As `find`, to tell a client that it need not send these: they stay as if they had just been uploaded."""
        held = self.find(repo_id, sha256s)
        table, now = schema.repo_contents, now_ms()
        stale = (table.c.repo_id == repo_id) & (table.c.created_at < now - _PROMISED_MS)
        with self._database.read() as connection:
            aged = [s for batch in _batches(list(held)) for s in _stale(connection, stale, batch)]
        if not aged:
            return held
        with self._database.write() as connection:
            collection.keep_out(connection)
            for batch in _batches(aged):
                connection.execute(table.update().where(stale, table.c.sha256.in_(batch)).values(created_at=now))
        return self.find(repo_id, sha256s)

    def _is_in_chunks(self, sha256: Sha256) -> bool:
        """And they are whole: then what was sent is not needed."""
        table = schema.contents
        query = sa.select(table.c.size, table.c.xet_hash).where(table.c.sha256 == sha256, table.c.kind == "xet")
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return row is not None and self.is_whole(Content(sha256, row.size, "xet", row.xet_hash))

    def link(self, connection: sa.Connection, repo_id: int, user_id: int, sha256s: Sequence[Sha256]) -> None:
        """Links contents of a repo that the caller was seen to be allowed to read; first thing in the caller's transaction."""
        collection.keep_out(connection)
        insert_links(connection, repo_id, user_id, sha256s)


def _not_found(sha256: Sha256) -> ContentNotFound:
    return ContentNotFound(f"This repo has no large file {sha256}")


def linked(connection: sa.Connection, repo_id: int, sha256s: Sequence[Sha256]) -> dict[Sha256, Content]:
    """As `Contents.find`, in a transaction."""
    return dict(pair for batch in _batches(sha256s) for pair in _linked(connection, repo_id, batch))


def lost() -> Corrupt:
    """What whoever asks for the bytes of a lost file is told."""
    return Corrupt("The bytes of this file are damaged or missing: upload the file again")


def insert_content(connection: sa.Connection, content: Content) -> bool:
    """The first representation of a file stays, and a later one is not needed; but where its bytes were lost. True when
    this one is used."""
    table = schema.contents
    values = {"sha256": content.sha256, "size": content.size, "kind": content.kind, "xet_hash": content.xet_hash}
    new = insert_if_absent(connection, table).values(**values, created_at=now_ms())
    if connection.execute(new.returning(table.c.sha256)).first() is not None:
        return True
    return _restore(connection, content)


def _lose_chunks(connection: sa.Connection, sha256: Sha256) -> None:
    """The bytes of the file came whole and were stored because its chunks are damaged, if it is kept so."""
    table = schema.contents
    in_chunks = table.c.sha256 == sha256, table.c.kind == "xet"
    connection.execute(table.update().where(*in_chunks).values(kind=LOST))


def _restore(connection: sa.Connection, content: Content) -> bool:
    """The representation that just came takes the place of a lost one; nobody is told of that any more."""
    contents, entries = schema.contents, schema.entries
    now = {"kind": content.kind, "xet_hash": content.xet_hash}
    lost_one = contents.update().where(contents.c.sha256 == content.sha256, contents.c.kind == LOST).values(now)
    if connection.execute(lost_one.returning(contents.c.sha256)).first() is None:
        return False
    stale = entries.c.sha256 == content.sha256, entries.c.xet_hash.is_distinct_from(content.xet_hash)
    connection.execute(entries.update().where(*stale).values(xet_hash=content.xet_hash))
    return True


def insert_links(connection: sa.Connection, repo_id: int, user_id: int, sha256s: Sequence[Sha256]) -> None:
    """Idempotent; the time becomes that of the last upload. The xorbs of what is kept as chunks are the repo's from now on
    too. After `collection.keep_out`. Raises RepoNotFound."""
    check_alive(connection, repo_id)
    if sha256s:
        at = now_ms()
        # In one order everywhere: two transactions that link the same contents must not wait for each other.
        unique = sorted(set(sha256s))
        rows = [{"repo_id": repo_id, "sha256": s, "uploader_id": user_id, "created_at": at} for s in unique]
        connection.execute(upsert(connection, schema.repo_contents, ["repo_id", "sha256"], ["created_at"]), rows)
        for batch in _batches(unique):
            insert_xorb_links(connection, repo_id, batch)


def insert_xorb_links(connection: sa.Connection, repo_id: int, sha256s: Sequence[Sha256]) -> None:
    """Of contents that are linked to the repo. Idempotent; the time becomes now: a collection that is under way sees by it
    that they are used. After `collection.keep_out`."""
    parts, contents = schema.xet_file_xorbs, schema.contents
    query = (
        sa.select(parts.c.xorb)
        .distinct()
        .join(contents, contents.c.xet_hash == parts.c.file)
        .where(contents.c.sha256.in_(sha256s))
        .order_by(parts.c.xorb)  # in one order everywhere, as above
    )
    at = now_ms()
    xorbs = [{"repo_id": repo_id, "hash": xorb, "created_at": at} for xorb in connection.execute(query).scalars()]
    if xorbs:
        connection.execute(upsert(connection, schema.repo_xorbs, ["repo_id", "hash"], ["created_at"]), xorbs)


def check_alive(connection: sa.Connection, repo_id: int) -> None:
    """The repo stays until the transaction ends. Raises RepoNotFound for one that was deleted since it was opened."""
    repos = schema.repos
    query = sa.select(repos.c.id).where(repos.c.id == repo_id, repos.c.deleted_at.is_(None))
    if connection.execute(query.with_for_update(read=True)).first() is None:
        raise RepoNotFound


def _batches(sha256s: Sequence[Sha256]) -> Iterator[Sequence[Sha256]]:
    for start in range(0, len(sha256s), _BATCH):
        yield sha256s[start : start + _BATCH]


def _stale(connection: sa.Connection, condition: sa.ColumnElement[bool], sha256s: Sequence[Sha256]) -> Iterator[Sha256]:
    table = schema.repo_contents
    for found in connection.execute(sa.select(table.c.sha256).where(condition, table.c.sha256.in_(sha256s))).scalars():
        yield Sha256(found)


def _linked(connection: sa.Connection, repo_id: int, sha256s: Sequence[Sha256]) -> Iterator[tuple[Sha256, Content]]:
    contents, links = schema.contents, schema.repo_contents
    query = (
        sa.select(contents.c.sha256, contents.c.size, contents.c.kind, contents.c.xet_hash)
        .join(links, links.c.sha256 == contents.c.sha256)
        .where(links.c.repo_id == repo_id, contents.c.sha256.in_(sha256s))
    )
    for row in connection.execute(query):
        yield Sha256(row.sha256), Content(Sha256(row.sha256), row.size, row.kind, row.xet_hash)
