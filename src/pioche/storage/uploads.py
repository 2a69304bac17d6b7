"""Uploads in parts: a row, and one sparse file that the parts are written into at their places.

The parts may come in any order, again, from any process. Completing reads the file once to verify its sha256 and takes it
over as it is: nothing is copied. A part's write and the completion exclude each other by `flock`, and a part looks again
whether its file still is the upload's: no byte can change after it was verified.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import Conflict, ContentMismatch, ContentNotFound, Unprocessable
from pioche.names import Sha256
from pioche.storage import incoming
from pioche.storage.contents import Contents
from pioche.storage.disk import sync_folder, translated
from pioche.storage.drafts import write_all

PARTS_MAX = 10_000
_PIECE = 2**20


class Busy(Conflict):
    """Parts are being written, or the upload is being completed, at this moment."""

    def __init__(self) -> None:
        super().__init__("This upload is being completed or written to at this moment: try again")


@dataclass(frozen=True, slots=True)
class Upload:
    """What was promised, and to whom. Parts are numbered from 1; all but the last have `part_bytes`."""

    id: str
    repo_id: int
    user_id: int
    sha256: Sha256
    size: int
    part_bytes: int

    @property
    def part_count(self) -> int:
        return -(-self.size // self.part_bytes)

    def span(self, number: int) -> tuple[int, int]:
        """Where a part lies, [start, end). Raises Unprocessable."""
        if not 1 <= number <= self.part_count:
            raise Unprocessable(f"This upload has no part {number}: they are numbered from 1 to {self.part_count}")
        start = (number - 1) * self.part_bytes
        return start, min(start + self.part_bytes, self.size)


class Uploads:
    """All uploads in parts of one hub. What expires is removed by `incoming.sweep`."""

    def __init__(self, database: Database, contents: Contents, data_dir: Path) -> None:
        self.contents = contents
        self._database = database
        self._data_dir = data_dir

    def begin(
        self, repo_id: int, user_id: int, files: Sequence[tuple[Sha256, int]], *, part_bytes: int, seconds: int
    ) -> list[Upload]:
        """One upload for each file (its sha256, its size), open for `seconds`."""
        begun = [Upload(secrets.token_hex(16), repo_id, user_id, sha256, size, part_bytes) for sha256, size in files]
        expires_at = now_ms() + seconds * 1000
        rows = [
            {"id": upload.id, "repo_id": repo_id, "user_id": user_id, "sha256": upload.sha256, "size": upload.size}
            | {"part_bytes": part_bytes, "expires_at": expires_at}
            for upload in begun
        ]
        if rows:
            with self._database.write() as connection:
                connection.execute(schema.uploads.insert(), rows)
        return begun

    def get(self, upload_id: str) -> Upload:
        """Raises ContentNotFound for one that is unknown, finished or expired."""
        table = schema.uploads
        with self._database.read() as connection:
            row = connection.execute(sa.select(table).where(table.c.id == upload_id)).first()
        if row is None or row.expires_at < now_ms():
            raise _gone()
        return _of(row)

    def begun(self, repo_id: int, user_id: int, sha256s: Collection[Sha256]) -> list[Upload]:
        """The open uploads of these files to that repo by that user."""
        table = schema.uploads
        query = sa.select(table).where(
            table.c.repo_id == repo_id, table.c.user_id == user_id, table.c.expires_at >= now_ms()
        )
        with self._database.read() as connection:
            return [_of(row) for row in connection.execute(query) if row.sha256 in sha256s]

    def part(self, upload: Upload, number: int) -> "Part":
        """Ready to be written. Raises Unprocessable for a number that the upload has not."""
        return Part(self._path(upload.id), *upload.span(number))

    def complete(self, upload: Upload) -> None:
        """Verified, durable and linked to the repo when this returns; takes about a second a gigabyte.

        Raises ContentMismatch when the parts are not the promised file; then the upload is over and nothing is kept.
        Raises Busy, and ContentNotFound when another call completed it.
        """
        with self._locked(upload) as descriptor:
            try:
                _verify(descriptor, upload)
            except ContentMismatch:
                self._end(upload.id)
                raise
            self.contents.adopt(upload.repo_id, upload.user_id, upload.sha256, self._path(upload.id))
            self._end(upload.id)

    def _path(self, upload_id: str) -> Path:
        return incoming.upload_path(self._data_dir, upload_id)

    def _end(self, upload_id: str) -> None:
        with translated():
            self._path(upload_id).unlink(missing_ok=True)
        with self._database.write() as connection:
            connection.execute(schema.uploads.delete().where(schema.uploads.c.id == upload_id))

    @contextmanager
    def _locked(self, upload: Upload) -> Iterator[int]:
        """The upload's file, with nobody writing. A file of no bytes has no part that made it."""
        path = self._path(upload.id)
        flags = os.O_RDONLY | os.O_CLOEXEC | (os.O_CREAT if upload.size == 0 else 0)
        with _opened(path, flags) as descriptor:
            _lock(descriptor, fcntl.LOCK_EX)
            _check_is(descriptor, path)
            yield descriptor


class Part:
    """Writes one part at its place. A context manager; not safe for two threads at once."""

    def __init__(self, path: Path, start: int, end: int) -> None:
        self._path = path
        self._position = start
        self._end = end
        self._descriptor = -1

    @property
    def size(self) -> int:
        """Bytes that are still to come."""
        return self._end - self._position

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def write(self, pieces: Sequence[bytes]) -> None:
        """The next bytes. Raises ContentMismatch past the part's end, Busy and ContentNotFound as `complete`."""
        size = sum(map(len, pieces))
        if size > self.size:
            raise ContentMismatch(f"The part has {size - self.size} bytes more than it should have")
        with translated():
            if self._descriptor < 0:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        # Held only while bytes are written: a client that stalls keeps nobody waiting.
        _lock(self._descriptor, fcntl.LOCK_SH)
        try:
            _check_is(self._descriptor, self._path)
            with translated():
                write_all(self._descriptor, pieces, self._position)
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._position += size

    def finish(self) -> None:
        """Durable when this returns. Raises ContentMismatch unless the whole part was written."""
        if self.size:
            raise ContentMismatch(f"{self.size} bytes of this part are missing")
        with translated():
            os.fdatasync(self._descriptor)
            sync_folder(self._path.parent)  # this may be the part that made the file


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    with translated():
        try:
            descriptor = os.open(path, flags, 0o644)
        except FileNotFoundError:
            raise ContentMismatch("No part of this upload has arrived: send them first") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy from None


def _check_is(descriptor: int, path: Path) -> None:
    """The open file still stands under its name: it was neither taken over nor removed."""
    with translated():
        mine = os.fstat(descriptor)
        try:
            named = path.stat()
        except FileNotFoundError:
            raise _gone() from None
    if (mine.st_dev, mine.st_ino) != (named.st_dev, named.st_ino):
        raise _gone()


def _verify(descriptor: int, upload: Upload) -> None:
    with translated():
        size = os.fstat(descriptor).st_size
    if size != upload.size:
        raise ContentMismatch(
            f"The parts have {size} bytes together where {upload.size} were announced: send all parts"
        )
    found, position = hashlib.sha256(), 0
    while position < size:
        with translated():
            piece = os.pread(descriptor, _PIECE, position)
        if not piece:
            break
        found.update(piece)
        position += len(piece)
    if found.hexdigest() != upload.sha256:
        raise ContentMismatch(f"The parts make a file with the sha256 {found.hexdigest()}, not {upload.sha256}")


def _of(row: sa.Row[Any]) -> Upload:
    return Upload(row.id, row.repo_id, row.user_id, Sha256(row.sha256), row.size, row.part_bytes)


def _gone() -> ContentNotFound:
    return ContentNotFound("This upload is finished, has expired or was never begun: ask for a new one")
