"""Large files, each stored once, and the repos that hold them.

Every upload, whatever its protocol, ends in `adopt` (whole files) or in `storage.xet` (chunks): bytes first, verified and
durable; then one row and the link to the repo. Knowing a sha256 gives nothing: a link is made only from verified bytes
uploaded to the repo, or by `link` from a repo the caller may read (invariant I5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database, Lookup
from pioche.db.instance import now_ms
from pioche.errors import ContentNotFound, Corrupt, RepoNotFound
from pioche.names import Sha256
from pioche.storage.blobs import BlobStore, HasPaths, blob_key
from pioche.storage.disk import OpenFile, open_file, translated
from pioche.storage.rebuilt import Rebuilt

_BATCH = 500  # bound parameters in one statement

_ONE = Lookup(
    """
    SELECT c.sha256, c.size, c.kind, c.xet_hash FROM repo_contents l JOIN contents c ON c.sha256 = l.sha256
    WHERE l.repo_id = :repo AND l.sha256 = :sha256
    """
)


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

    # --- finding ---

    def find(self, repo_id: int, sha256s: Sequence[Sha256]) -> dict[Sha256, Content]:
        """Those of `sha256s` that are linked to the repo."""
        found = dict[Sha256, Content]()
        if not sha256s:
            return found
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
        """Bytes [start, end), whatever the representation."""
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
        if self._is_in_chunks(sha256):
            with translated():
                draft.unlink()
        else:
            self._blobs.put(blob_key(sha256), draft)
        try:
            with self._database.write() as connection:
                insert_content(connection, Content(sha256, size, "blob", None))
                insert_links(connection, repo_id, uploader_id, [sha256])
        except sa.exc.IntegrityError:
            raise RepoNotFound from None

    def _is_in_chunks(self, sha256: Sha256) -> bool:
        table = schema.contents
        with self._database.read() as connection:
            kind = connection.execute(sa.select(table.c.kind).filter_by(sha256=sha256)).scalar()
        return bool(kind == "xet")

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
