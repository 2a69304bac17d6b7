"""Bytes in an object store: S3 and what speaks it, Google's, Azure's (all through obstore).

The store's promises are ours: an object appears whole or not at all, and what was put is seen at once. What can fail is the
way there: every call is tried again, with growing pauses, on refusals that may pass (5xx, SlowDown, silence, broken
connections); what fails for good is Unavailable or OutOfSpace, and never "not there". Each part that is sent is signed with
its sha256, which an S3 store checks. Memory is bounded: a few parts at a time, whatever the size and number of the files.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError

from pioche.errors import Corrupt, OutOfSpace, Unavailable
from pioche.observe import log
from pioche.storage.blobs import Label, Stored
from pioche.storage.blobs.signing import Signer
from pioche.storage.disk import translated

_MIB = 2**20
_PIECE = _MIB
_PART_BYTES = 6 * _MIB
_PARTS_MAX = 9_000  # S3 takes 10,000
_PARTS_AT_ONCE = 2
_LARGE_AT_ONCE = 2
_SMALL_BYTES_MAX = _MIB
"""Up to here a file is no matter of memory, however many are sent at once."""
COPY_BYTES_MAX = 5 * 2**30
"""S3 copies an object by itself up to this size."""

PAUSES = (0.1, 0.5, 2.0)
"""Seconds before a call is made again, after obstore's own attempts."""

_BUCKET_SEEN_SECONDS = 10.0
# Shown by no browser, whoever gets at an object and how.
_ATTRIBUTES = {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}
# AWS, Ceph, MinIO: what a store says when it can take no more.
_FULL = ("QuotaExceeded", "StorageFull", "507 Insufficient")
_FAULTS = (BaseError, OSError)


class RemoteBlobs:
    """`store` is one of obstore's, with its prefix. The keys of the hub are names below it."""

    def __init__(self, store: Any, *, pauses: tuple[float, ...] = PAUSES, copy_bytes_max: int = COPY_BYTES_MAX) -> None:
        self._store = store
        self._pauses = pauses
        self._copy_bytes_max = copy_bytes_max
        self._large = threading.BoundedSemaphore(_LARGE_AT_ONCE)
        self._bucket_seen_at = float("-inf")

    # --- in ---

    def put(self, key: str, source: Path) -> None:
        with translated():
            size = source.stat().st_size
        if size <= _SMALL_BYTES_MAX:
            self._put_whole(key, source)
        elif size <= _PART_BYTES:
            with self._large:
                self._put_whole(key, source)
        elif self.size(key) != size:
            with self._large:
                self._call(obstore.put, key, source, **_in_parts(size))
            self._check_size(key, size)
        with translated():
            source.unlink()

    def _put_whole(self, key: str, source: Path) -> None:
        with translated():
            data = source.read_bytes()
        self.put_bytes(key, data)

    def put_bytes(self, key: str, data: bytes) -> None:
        try:
            self._call(obstore.put, key, data, mode="create", attributes=_ATTRIBUTES, use_multipart=False)
        except AlreadyExistsError:
            # By somebody, or by an attempt of ours whose answer was lost. One that lost its end is put again.
            if self.size(key) != len(data):
                self._call(obstore.put, key, data, attributes=_ATTRIBUTES, use_multipart=False)
                self._check_size(key, len(data))

    def put_stream(self, key: str, pieces: Callable[[], Iterator[bytes]], size: int) -> None:
        def send(store: Any) -> None:
            how = _in_parts(size)
            writer = obstore.open_writer(
                store,
                key,
                attributes=_ATTRIBUTES,
                buffer_size=how["chunk_size"],
                max_concurrency=how["max_concurrency"],
            )
            for piece in pieces():
                writer.write(piece)
            writer.close()  # and only then is it there

        with self._large:
            self._call(send)
        self._check_size(key, size)

    def _check_size(self, key: str, size: int) -> None:
        found = self.size(key)
        if found != size:
            raise Unavailable(f"The object store kept {found} bytes of {size}: try again")

    # --- out ---

    def size(self, key: str) -> int | None:
        try:
            found: int = self._call(obstore.head, key)["size"]
        except FileNotFoundError:
            self._check_bucket()
            return None
        return found

    def read(self, key: str, start: int = 0, end: int | None = None, *, once: bool = False) -> Iterator[bytes]:
        if end is None:
            end = self.size(key)
            if end is None:
                raise Corrupt("A stored file is missing")
        position, pauses = start, iter(self._pauses)
        while position < end:
            body = self._open(key, position, end)
            try:
                for buffer in body:
                    for at in range(0, len(buffer), _PIECE):
                        piece = bytes(buffer[at : at + _PIECE])
                        position += len(piece)
                        yield piece
                    pauses = iter(self._pauses)
            except _FAULTS as error:
                self._pause(next(pauses, None), error)
            else:
                if position < end:  # a body that ended early, and said nothing
                    self._pause(next(pauses, None), None)

    def _open(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """The body of one request. Raises Corrupt."""
        try:
            result = self._call(obstore.get, key, options={"range": (start, end)})
        except FileNotFoundError:
            self._check_bucket()
            raise Corrupt("A stored file is missing") from None
        if result.meta["size"] < end:
            raise Corrupt(f"A stored file ended {end - result.meta['size']} bytes early")
        stream: Iterator[bytes] = result.stream(min_chunk_size=_PIECE // 4)
        return stream

    def list(self, prefix: str) -> Iterator[Stored]:
        after, pauses = None, iter(self._pauses)
        while True:
            try:
                # In the order of the keys: a listing that broke off goes on after the last one.
                for batch in obstore.list(self._store, prefix.rstrip("/"), offset=after):
                    for found in batch:
                        after = found["path"]
                        yield Stored(after, found["size"], int(found["last_modified"].timestamp() * 1000))
                    pauses = iter(self._pauses)
                return
            except _FAULTS as error:
                self._pause(next(pauses, None), error)

    # --- away ---

    def delete(self, key: str) -> None:
        with suppress(FileNotFoundError):
            self._call(obstore.delete, key)

    def copy(self, key: str, to: str) -> int | None:
        size = self.size(key)
        if size is None:
            return None
        if size > self._copy_bytes_max:
            self.put_stream(to, lambda: self.read(key, 0, size), size)
        else:
            try:
                self._call(obstore.copy, key, to)
            except FileNotFoundError:
                return None
            self._check_size(to, size)
        return size

    def move(self, key: str, to: str) -> None:
        if self.copy(key, to) is not None:
            self.delete(key)

    def probe(self, key: str) -> None:
        """Does everything once that the hub will ever do. What fails is raised as obstore says it, for `connect.check`."""
        _first_of_listing(self._store)
        obstore.put(self._store, key, b"probe", attributes=_ATTRIBUTES)
        obstore.get(self._store, key).bytes()
        obstore.copy(self._store, key, f"{key}-copy")
        for name in (key, f"{key}-copy"):
            obstore.delete(self._store, name)

    # --- the way there ---

    def _call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Raises FileNotFoundError and AlreadyExistsError as they are; else Unavailable and OutOfSpace."""
        pauses = iter(self._pauses)
        while True:
            try:
                return function(self._store, *args, **options)
            except (FileNotFoundError, AlreadyExistsError):
                raise
            except _FAULTS as error:
                if "416 Range" in str(error):
                    raise Corrupt("A stored file ended early") from error
                self._pause(next(pauses, None), error)

    def _pause(self, seconds: float | None, error: Exception | None) -> None:
        """Waits before another attempt. Raises Unavailable or OutOfSpace when none is left, or none would help."""
        failure = _failure(error)
        hopeless = isinstance(failure, OutOfSpace) or isinstance(error, PermissionDeniedError | UnauthenticatedError)
        if seconds is None or hopeless:
            raise failure from error
        log.warning("object store", error=type(error).__name__, again_in_seconds=seconds)
        time.sleep(seconds)

    def _check_bucket(self) -> None:
        """An answer that a key is absent counts only from a bucket that is there. Raises Unavailable."""
        if time.monotonic() - self._bucket_seen_at < _BUCKET_SEEN_SECONDS:
            return
        try:
            self._call(_first_of_listing)
        except FileNotFoundError as error:
            raise Unavailable("The bucket is not there") from error
        self._bucket_seen_at = time.monotonic()


class S3Blobs(RemoteBlobs):
    """An S3 store whose keys we have: it signs addresses as well. `prefix` is what names in the bucket begin with."""

    def __init__(self, store: Any, signer: Signer, prefix: str, **options: Any) -> None:
        super().__init__(store, **options)
        self._signer = signer
        self._prefix = f"{prefix}/" if prefix else ""

    def signed_get(
        self, key: str, *, seconds: int, label: Label | None = None, span: tuple[int, int] | None = None
    ) -> str:
        said = {}
        if label is not None:
            said = {
                "response-content-type": label.content_type,
                "response-content-disposition": label.disposition,
                "response-cache-control": label.caching,
            }
        bound = {} if span is None else {"range": f"bytes={span[0]}-{span[1] - 1}"}
        return self._signer.url("GET", self._prefix + key, seconds=seconds, query=said, headers=bound)

    def signed_put(self, key: str, *, size: int, seconds: int) -> str:
        return self._signer.url("PUT", self._prefix + key, seconds=seconds, headers={"content-length": str(size)})


def _first_of_listing(store: Any) -> None:
    next(iter(obstore.list(store, chunk_size=1)), None)


def _in_parts(size: int) -> dict[str, Any]:
    """How obstore sends a large object: parts that are few enough for the store, and few at a time in memory."""
    part_bytes = max(_PART_BYTES, -(-size // _PARTS_MAX // _MIB) * _MIB)
    return {
        "use_multipart": True,
        "chunk_size": part_bytes,
        "max_concurrency": _PARTS_AT_ONCE,
        "attributes": _ATTRIBUTES,
    }


def _failure(error: Exception | None) -> Unavailable | OutOfSpace:
    """A refusal of the store in our words; no address and no name of it in them."""
    if any(word in str(error) for word in _FULL):
        return OutOfSpace("The object store is full: nothing was stored")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return Unavailable("The object store refuses the hub's keys")
    return Unavailable("The object store does not answer: try again")
