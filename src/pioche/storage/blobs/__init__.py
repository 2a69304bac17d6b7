"""Where immutable bytes lie: one small interface that a disk, a bucket and memory can all fill.

Ask only what all of them can do; hashes, links and deduplication are thought of once, above (`storage.contents`).
Keys are relative, `/`-separated and made by us alone: `blobs/ab/cd/<sha256>`, `xet/xorbs/ab/<hash>`, `xet/shards/ab/<hash>`
(docs/formats/store-layout.md).
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Stored:
    """One key of a store: `size` in bytes, `modified_at` in Unix milliseconds by the store's clock."""

    key: str
    size: int
    modified_at: int


class BlobStore(Protocol):
    """Plain and synchronous; safe to use from many threads. Failing is Unavailable or OutOfSpace, never "not there"."""

    def put(self, key: str, source: Path) -> None:
        """Takes over the local file `source`: when this returns, the bytes are durable under `key` and `source` is gone.
        All or nothing, and idempotent: a key that is there already is left as it is (its bytes are the same)."""
        ...

    def put_bytes(self, key: str, data: bytes) -> None:
        """As `put`, for what is in memory."""
        ...

    def size(self, key: str) -> int | None:
        """Bytes stored under `key`; None when there is nothing."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None, *, once: bool = False) -> Iterator[bytes]:
        """Bytes [start, end) in pieces of at most 1 MiB; `once` says that they need not be kept in memory for whoever reads
        them next. Raises Corrupt when the key is absent or ends early: whoever
        asks knows from the database that it should be there."""
        ...

    def delete(self, key: str) -> None:
        """Idempotent. Readers that have begun may finish."""
        ...

    def list(self, prefix: str) -> Iterator[Stored]:
        """Everything below the folder `prefix`, in no promised order. What is put or deleted meanwhile may be in or not."""
        ...

    def move(self, key: str, to: str) -> None:
        """The bytes of `key` lie under `to` from here on, durably. Idempotent: nothing happens when `key` is absent.
        Atomic on a disk; a bucket copies and then deletes, so that after a crash both may be there."""
        ...


@runtime_checkable
class HasPaths(Protocol):
    """The extra power of a local disk: bytes can be served straight from a file."""

    def path(self, key: str) -> Path:
        """Where the bytes of `key` lie; it may be absent."""
        ...


@dataclass(frozen=True, slots=True)
class Label:
    """What the store says of bytes beside them: the headers Content-Type, Content-Disposition and Cache-Control."""

    content_type: str
    disposition: str
    caching: str = "private, no-store"


@runtime_checkable
class HasSignedUrls(Protocol):
    """The extra power of a store that clients can reach: addresses that carry their own proof, made without asking it."""

    def signed_get(
        self, key: str, *, seconds: int, label: Label | None = None, span: tuple[int, int] | None = None
    ) -> str:
        """Where the bytes of `key` can be had for so long. With `span`, only by asking for exactly the bytes
        [start, end) in one Range header."""
        ...


@runtime_checkable
class TakesGrants(Protocol):
    """The extra power of a store that clients can write to: below `incoming/`, where nothing is taken for true."""

    def signed_put(self, key: str, *, size: int, seconds: int) -> str:
        """Where exactly `size` bytes may be sent for so long, again and again; they appear under `key`."""
        ...

    def copy(self, key: str, to: str) -> int | None:
        """Puts the bytes of `key` under `to` as well, over what was there, without moving them through the hub where the
        store can. Returns their size, or None when there are none."""
        ...

    def put_stream(self, key: str, pieces: Callable[[], Iterator[bytes]], size: int) -> None:
        """As `put`, over what was there, for bytes that are nowhere whole. `pieces` may be asked for again, and fails as it
        likes: then nothing is put."""
        ...


def grant_key(grant: str, part: int = 1) -> str:
    """Where clients may write: nothing below `incoming/` was verified."""
    return f"incoming/{grant}/{part}"


def sealed_key(grant: str) -> str:
    """For a copy of what a client wrote, where it cannot write: what is verified there stays as it was. New each time."""
    return f"incoming/{grant}/sealed-{secrets.token_hex(8)}"


def blob_key(sha256: str) -> str:
    return f"blobs/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def xorb_key(hash_text: str) -> str:
    return f"xet/xorbs/{hash_text[:2]}/{hash_text}"


def shard_key(hash_text: str) -> str:
    return f"xet/shards/{hash_text[:2]}/{hash_text}"
