"""Large files, each stored once, and the repos that hold them.

Every upload, whatever its protocol, ends in `adopt` (whole files) or in `storage.xet` (chunks): bytes first, verified and
durable; then one row and the link to the repo. Knowing a sha256 gives nothing: a link is made only from verified bytes
uploaded to the repo, or by `link` from a repo the caller may read (invariant I5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database, Lookup
from pioche.db.instance import now_ms
from pioche.errors import ContentNotFound, Corrupt, RepoNotFound
from pioche.names import Sha256
from pioche.storage.blobs import BlobStore, HasPaths, blob_key, quarantine_key
from pioche.storage.disk import OpenFile, open_file, translated
from pioche.storage.rebuilt import Rebuilt
from pioche.storage.seals import Verdicts, has_sha256, is_sealed

_BATCH = 500  # bound parameters in one statement

_ONE = Lookup(
    """
    SELECT c.sha256, c.size, c.kind, c.xet_hash FROM repo_contents l JOIN contents c ON c.sha256 = l.sha256
    WHERE l.repo_id = :repo AND l.sha256 = :sha256
    """
)

_ANY_DAMAGE = Lookup("SELECT 1 FROM quarantine WHERE reason = 'corrupt' LIMIT 1")
_DAMAGE = Lookup("SELECT 1 FROM quarantine WHERE key = :key AND reason = 'corrupt'")


@dataclass(frozen=True, slots=True)
class Content:
    """A large file. `kind` is `blob` or `xet`; readers need not care."""

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
        self._verdicts = Verdicts()

    # --- finding ---

    def find(self, repo_id: int, sha256s: Sequence[Sha256]) -> dict[Sha256, Content]:
        """Those of `sha256s` that are linked to the repo."""
        found = dict[Sha256, Content]()
        with self._database.read() as connection:
            for start in range(0, len(sha256s), _BATCH):
                found.update(_linked(connection, repo_id, sha256s[start : start + _BATCH]))
        return found

    def get(self, repo_id: int, sha256: Sha256) -> Content:
        """Raises ContentNotFound unless it is linked to the repo: absent and foreign look the same."""
        try:
            return self.find(repo_id, [sha256])[sha256]
        except KeyError:
            raise _not_found(sha256) from None

    async def locate(self, repo_id: int, sha256: Sha256) -> Content:
        """As `get`, on the event loop: the hot path of downloads."""
        row = await self._database.fetch_one(_ONE, {"repo": repo_id, "sha256": sha256})
        if row is None:
            raise _not_found(sha256)
        return Content(*row)

    # --- reading ---

    def read(self, content: Content, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Bytes [start, end), whatever the representation. Raises Corrupt rather than give wrong ones."""
        stop = content.size if end is None else end
        if content.kind == "xet":
            return self._xet.read(content.xet_hash or "", start, stop)
        self.check(content)
        return self._blobs.read(blob_key(content.sha256), start, stop)

    def path(self, content: Content) -> Path | None:
        """The local file that holds exactly these bytes, when there is one."""
        if content.kind == "blob" and self._paths is not None:
            return self._paths.path(blob_key(content.sha256))
        return None

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

    # --- are they still what they were? ---

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

    async def is_any_damaged(self) -> bool:
        """Whether damage to any stored bytes is known and not mended: on the event loop."""
        return await self._database.fetch_one(_ANY_DAMAGE, {}) is not None

    def check(self, content: Content) -> None:
        """Raises Corrupt when the file is known to be damaged, or looks as if it might be and is."""
        if content.kind == "xet":
            self._xet.check(content.xet_hash or "")
        elif (file := self.open(content)) is not None:
            self.verify(content, file)
        elif self._database.fetch_one_sync(_DAMAGE, {"key": blob_key(content.sha256)}) is not None:
            raise Corrupt(f"The stored file {content.sha256} is damaged: sending the same file again mends it")

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
        key, chunked = blob_key(sha256), self._in_chunks(sha256)
        if chunked is not None and self.is_whole(chunked):
            with translated():
                draft.unlink()
        else:
            self._blobs.put(key, draft)
        try:
            with self._database.write() as connection:
                insert_content(connection, Content(sha256, size, "blob", None))
                if chunked is not None and self._blobs.size(key) is not None:
                    _keep_whole(connection, sha256)
                was_damaged = _mended(connection, key)
                insert_links(connection, repo_id, uploader_id, [sha256])
        except sa.exc.IntegrityError:
            raise RepoNotFound from None
        if was_damaged:
            self._blobs.delete(quarantine_key(key))

    def _in_chunks(self, sha256: Sha256) -> Content | None:
        table = schema.contents
        query = sa.select(table.c.sha256, table.c.size, table.c.kind, table.c.xet_hash)
        with self._database.read() as connection:
            row = connection.execute(query.where(table.c.sha256 == sha256, table.c.kind == "xet")).first()
        return None if row is None else Content(Sha256(row.sha256), row.size, row.kind, row.xet_hash)

    def link(self, connection: sa.Connection, repo_id: int, user_id: int, sha256s: Sequence[Sha256]) -> None:
        """Links contents of a repo that the caller was seen to be allowed to read; in the caller's transaction."""
        insert_links(connection, repo_id, user_id, sha256s)


def _not_found(sha256: Sha256) -> ContentNotFound:
    return ContentNotFound(f"This repo has no large file {sha256}")


def insert_content(connection: sa.Connection, content: Content) -> None:
    """The first representation of a file stays; a later one is not needed."""
    table = schema.contents
    if connection.execute(sa.select(table.c.sha256).filter_by(sha256=content.sha256)).first() is None:
        values = {"sha256": content.sha256, "size": content.size, "kind": content.kind, "xet_hash": content.xet_hash}
        connection.execute(insert_if_absent(connection, table).values(**values, created_at=now_ms()))


def _keep_whole(connection: sa.Connection, sha256: Sha256) -> None:
    """The chunks of the file are damaged, its bytes have come whole: from now on they are what is kept."""
    contents, entries = schema.contents, schema.entries
    connection.execute(contents.update().where(contents.c.sha256 == sha256).values(kind="blob", xet_hash=None))
    connection.execute(entries.update().where(entries.c.sha256 == sha256).values(xet_hash=None))


def _mended(connection: sa.Connection, key: str) -> bool:
    """Forgets that the bytes of `key` were found damaged; whether they were."""
    table = schema.quarantine
    done = connection.execute(table.delete().where(table.c.key == key, table.c.reason == "corrupt"))
    return done.rowcount > 0


def insert_links(connection: sa.Connection, repo_id: int, user_id: int, sha256s: Sequence[Sha256]) -> None:
    """Idempotent."""
    if sha256s:
        at = now_ms()
        rows = [
            {"repo_id": repo_id, "sha256": s, "uploader_id": user_id, "created_at": at} for s in dict.fromkeys(sha256s)
        ]
        connection.execute(insert_if_absent(connection, schema.repo_contents), rows)


def _linked(connection: sa.Connection, repo_id: int, sha256s: Sequence[Sha256]) -> Iterator[tuple[Sha256, Content]]:
    contents, links = schema.contents, schema.repo_contents
    query = (
        sa.select(contents.c.sha256, contents.c.size, contents.c.kind, contents.c.xet_hash)
        .join(links, links.c.sha256 == contents.c.sha256)
        .where(links.c.repo_id == repo_id, contents.c.sha256.in_(sha256s))
    )
    for row in connection.execute(query):
        yield Sha256(row.sha256), Content(Sha256(row.sha256), row.size, row.kind, row.xet_hash)
