"""Are stored bytes what their name says? What scrub and `pioche fsck --deep` read with.

Each function gives a sentence that says what is wrong, or None; it changes nothing.
"""

import hashlib
from collections.abc import Callable, Iterator

from pioche.errors import BadRequest, ContentMismatch, Corrupt, TooLarge
from pioche.storage.blobs import BlobStore, blob_key, shard_key, xorb_key
from pioche.storage.xet.hashing import from_text
from pioche.storage.xet.xorbs import ChunkTable, verify

Pace = Callable[[int], None]
"""Called with the number of bytes that were read, after each piece: to wait, to count, to draw a bar."""


def at_full_speed(_count: int) -> None:
    """Waits for nothing."""


def size_fault(stored: int | None, expected: int) -> str | None:
    """What is wrong with a key that has `stored` bytes (None: it is absent)."""
    if stored is None:
        return "there is nothing"
    return None if stored == expected else f"it has {stored} bytes instead of {expected}"


def blob_fault(blobs: BlobStore, sha256: str, size: int, pace: Pace = at_full_speed) -> str | None:
    """Reads a whole file. Raises Unavailable when the store does not answer."""
    fault = size_fault(blobs.size(blob_key(sha256)), size)
    return fault or _sha256_fault(blobs.read(blob_key(sha256), 0, size, once=True), sha256, pace)


def shard_fault(blobs: BlobStore, name: str, pace: Pace = at_full_speed) -> str | None:
    """Shards are named by their own sha256."""
    return _sha256_fault(blobs.read(shard_key(name)), name, pace)


def xorb_table(blobs: BlobStore, hash_text: str, pace: Pace = at_full_speed) -> ChunkTable:
    """Decodes every chunk of a stored xorb and computes its name. Raises Corrupt when it is not what it is named."""
    size = 0

    def pieces() -> Iterator[bytes]:
        nonlocal size
        for piece in blobs.read(xorb_key(hash_text), once=True):
            yield piece
            size += len(piece)
            pace(len(piece))

    try:
        table = verify(pieces(), from_text(hash_text))
    except (BadRequest, ContentMismatch, TooLarge) as error:
        raise Corrupt(f"its chunks are not those that it is named after: {error.message}") from error
    if table.stored_bytes != size:
        raise Corrupt(f"{size - table.stored_bytes} bytes stand behind its last chunk")
    return table


def xorb_fault(blobs: BlobStore, hash_text: str, size: int, pace: Pace = at_full_speed) -> str | None:
    """Reads a whole xorb. Raises Unavailable when the store does not answer."""
    fault = size_fault(blobs.size(xorb_key(hash_text)), size)
    if fault:
        return fault
    try:
        xorb_table(blobs, hash_text, pace)
    except Corrupt as error:
        return error.message
    return None


def _sha256_fault(pieces: Iterator[bytes], sha256: str, pace: Pace) -> str | None:
    digest = hashlib.sha256()
    try:
        for piece in pieces:
            digest.update(piece)
            pace(len(piece))
    except Corrupt as error:
        return error.message
    found = digest.hexdigest()
    return None if found == sha256 else f"its bytes have the sha256 {found}"
