"""Uploads that go straight to the store: the hub signs where to write, and afterwards looks at what was written.

A client can write to the address of its grant for as long as that lives, also while the hub reads. So what is verified is
never what it wrote but a copy that it cannot reach (`sealed_key`), and that copy is what becomes the file. An upload is a
row of `uploads`, as for parts that come through the hub: it names the user, the repo and the file, and ends when it is
completed or expires. What lies below `incoming/` and belongs to no live row is swept.
"""

import hashlib
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import ContentMismatch, ContentNotFound, Corrupt
from pioche.jobs import leases
from pioche.names import Sha256
from pioche.storage.blobs import BlobStore, TakesGrants, grant_key, sealed_key
from pioche.storage.uploads import Busy, Upload, Uploads

GRANT_BYTES_MAX = 5 * 2**30
"""S3 takes no more in one request."""


class Grants:
    """`store` and `blobs` are the same store, by two of its powers."""

    def __init__(self, database: Database, uploads: Uploads, blobs: BlobStore, store: TakesGrants) -> None:
        self._database = database
        self._uploads = uploads
        self._contents = uploads.contents
        self._blobs = blobs
        self._store = store

    def url(self, upload: Upload, part: int, *, seconds: int) -> str:
        """Where the bytes of that part are to be sent, in one PUT of exactly their number."""
        start, end = upload.span(part)
        return self._store.signed_put(grant_key(upload.id, part), size=end - start, seconds=seconds)

    def url_of(self, grant: str, size: int, *, seconds: int) -> str:
        """As `url`, for a grant that is no upload of a file."""
        return self._store.signed_put(grant_key(grant), size=size, seconds=seconds)

    def complete(self, upload: Upload) -> None:
        """Verified, durable and linked to the repo when this returns. The store is read once.

        Raises ContentNotFound when nothing arrived, ContentMismatch when something else did: then the upload is over, and
        nothing is kept. Raises Busy.
        """
        with self._alone(upload):
            sealed = sealed_key(upload.id)
            try:
                self._check(upload, self._seal(upload, sealed))
                self._contents.adopt_stored(upload.repo_id, upload.user_id, upload.sha256, upload.size, sealed)
            except ContentMismatch:
                self._end(upload)
                raise
            finally:
                self._blobs.delete(sealed)
            self._end(upload)

    def complete_sent(self, repo_id: int, user_id: int, sha256s: Collection[Sha256]) -> None:
        """Completes what that user has sent of these files and not verified: some clients commit right after the PUT.

        Raises ContentMismatch, Busy. What was not sent is left to whoever misses it.
        """
        missing = set(sha256s) - set(self._contents.find(repo_id, list(sha256s)))
        for upload in self._uploads.begun(repo_id, user_id, missing) if missing else ():
            with suppress(ContentNotFound):
                self.complete(upload)

    @contextmanager
    def sealed(self, grant: str) -> Iterator[str]:
        """The key of a copy of what was sent for that grant, while the block runs; who wants to keep it moves it away.

        Raises ContentNotFound when nothing arrived.
        """
        key = sealed_key(grant)
        if self._store.copy(grant_key(grant), key) is None:
            raise _nothing_arrived()
        try:
            yield key
        finally:
            self._blobs.delete(key)
            self._blobs.delete(grant_key(grant))

    # --- one upload ---

    def _seal(self, upload: Upload, sealed: str) -> str:
        """Makes the file of its parts, out of the client's reach; returns its sha256."""
        if upload.part_count > 1:
            return self._join(upload, sealed)
        size = self._store.copy(grant_key(upload.id), sealed)
        if size is None:
            raise _nothing_arrived()
        if size != upload.size:
            raise ContentMismatch(f"{size} bytes were sent where {upload.size} were announced")
        digest = hashlib.sha256()
        for piece in self._blobs.read(sealed, 0, size):
            digest.update(piece)
        return digest.hexdigest()

    def _join(self, upload: Upload, sealed: str) -> str:
        """What is hashed is what is written: whatever becomes of the parts meanwhile."""
        for number in range(1, upload.part_count + 1):
            self._check_part(upload, number)
        digests = [hashlib.sha256()]

        def pieces() -> Iterator[bytes]:
            digests[0] = hashlib.sha256()
            for number in range(1, upload.part_count + 1):
                start, end = upload.span(number)
                for piece in self._blobs.read(grant_key(upload.id, number), 0, end - start):
                    digests[0].update(piece)
                    yield piece

        try:
            self._store.put_stream(sealed, pieces, upload.size)
        except Corrupt:
            raise ContentMismatch("A part was replaced by a shorter one while it was read: upload again") from None
        return digests[0].hexdigest()

    def _check_part(self, upload: Upload, number: int) -> None:
        start, end = upload.span(number)
        size = self._blobs.size(grant_key(upload.id, number))
        if size is None:
            raise _nothing_arrived()
        if size != end - start:
            raise ContentMismatch(f"Part {number} has {size} bytes where {end - start} were expected")

    @staticmethod
    def _check(upload: Upload, found: str) -> None:
        if found != upload.sha256:
            raise ContentMismatch(f"The bytes sent have the sha256 {found}, not {upload.sha256}")

    @contextmanager
    def _alone(self, upload: Upload) -> Iterator[None]:
        try:
            with leases.held(self._database, f"upload {upload.id}", "a completion"):
                yield
        except leases.Busy:
            raise Busy from None

    def _end(self, upload: Upload) -> None:
        for number in range(1, upload.part_count + 1):
            self._blobs.delete(grant_key(upload.id, number))
        with self._database.write() as connection:
            connection.execute(schema.uploads.delete().where(schema.uploads.c.id == upload.id))


def sweep(database: Database, blobs: BlobStore, *, untouched_seconds: float) -> int:
    """Removes from the store what was sent for grants that nobody completed, and is that old. Returns how many objects."""
    with database.read() as connection:
        live = set(connection.execute(sa.select(schema.uploads.c.id)).scalars())
    before = (time.time() - untouched_seconds) * 1000
    doomed = [
        stored.key
        for stored in blobs.list("incoming")
        if stored.modified_at < before and stored.key.split("/")[1] not in live
    ]
    for key in doomed:
        blobs.delete(key)
    return len(doomed)


def _nothing_arrived() -> ContentNotFound:
    return ContentNotFound("Nothing has arrived, or not all of it: send the bytes first")
