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
from pioche.db.dialect import insert_if_absent, insert_rows
from pioche.db.engine import Database, Lookup
from pioche.db.instance import now_ms
from pioche.errors import ContentNotFound, RepoNotFound
from pioche.names import Sha256
from pioche.storage.blobs import BlobStore, HasPaths, blob_key
from pioche.storage.disk import translated

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

    def __init__(self, database: Database, blobs: BlobStore, xet: XetReader) -> None:
        self._database = database
        self._blobs = blobs
        self._paths = blobs if isinstance(blobs, HasPaths) else None
        self._xet = xet

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

    def was_removed(self, repo_id: int, sha256: Sha256) -> bool:
        """Whether somebody removed it from the repo for good: then it is not damage that it is not there."""
        table = schema.removed_contents
        with self._database.read() as connection:
            query = sa.select(table.c.at).where(table.c.repo_id == repo_id, table.c.sha256 == sha256)
            return connection.execute(query).first() is not None

    # --- reading ---

    def read(self, content: Content, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Bytes [start, end), whatever the representation."""
        stop = content.size if end is None else end
        if content.kind == "xet":
            return self._xet.read(content.xet_hash or "", start, stop)
        return self._blobs.read(blob_key(content.sha256), start, stop)

    def path(self, content: Content) -> Path | None:
        """The local file that holds exactly these bytes, when there is one."""
        if content.kind == "blob" and self._paths is not None:
            return self._paths.path(blob_key(content.sha256))
        return None

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
    """Idempotent. The xorbs of what is kept as chunks are the repo's from now on too."""
    if sha256s:
        at = now_ms()
        unique = list(dict.fromkeys(sha256s))
        rows = [{"repo_id": repo_id, "sha256": s, "uploader_id": user_id, "created_at": at} for s in unique]
        connection.execute(insert_if_absent(connection, schema.repo_contents), rows)
        for start in range(0, len(unique), _BATCH):
            insert_xorb_links(connection, repo_id, unique[start : start + _BATCH])


def insert_xorb_links(connection: sa.Connection, repo_id: int, sha256s: Sequence[Sha256]) -> None:
    """Of contents that are linked to the repo. Idempotent."""
    parts, contents = schema.xet_file_xorbs, schema.contents
    query = (
        sa.select(parts.c.xorb)
        .distinct()
        .join(contents, contents.c.xet_hash == parts.c.file)
        .where(contents.c.sha256.in_(sha256s))
        .order_by(parts.c.xorb)  # in one order everywhere: two transactions must not wait for each other
    )
    at = now_ms()
    xorbs = [{"repo_id": repo_id, "hash": xorb, "created_at": at} for xorb in connection.execute(query).scalars()]
    insert_rows(connection, schema.repo_xorbs, xorbs)


def _linked(connection: sa.Connection, repo_id: int, sha256s: Sequence[Sha256]) -> Iterator[tuple[Sha256, Content]]:
    contents, links = schema.contents, schema.repo_contents
    query = (
        sa.select(contents.c.sha256, contents.c.size, contents.c.kind, contents.c.xet_hash)
        .join(links, links.c.sha256 == contents.c.sha256)
        .where(links.c.repo_id == repo_id, contents.c.sha256.in_(sha256s))
    )
    for row in connection.execute(query):
        yield Sha256(row.sha256), Content(Sha256(row.sha256), row.size, row.kind, row.xet_hash)
