"""Xorbs: concatenated chunks, each compressed alone (xet.md section 6).

`verify` is the only check that uploaded bytes are what their name says: no client repeats it on download.
Everything here is bounded: no more than one chunk is decoded at a time, to no more than it announced.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Protocol

from lz4.frame import BLOCKSIZE_MAX64KB, LZ4FrameDecompressor, compress

from pioche.errors import BadRequest, ContentMismatch, TooLarge
from pioche.storage.xet.hashing import HASH_BYTES, chunk_hash, to_text, xorb_hash

CHUNK_RAW_BYTES_MAX = 128 << 10
CHUNK_HEADER_BYTES = 8
XORB_CHUNKS_MAX = 8192
XORB_RAW_BYTES_MAX = 64 << 20
XORB_STORED_BYTES_MAX = XORB_RAW_BYTES_MAX + XORB_CHUNKS_MAX * CHUNK_HEADER_BYTES
"""A chunk that does not compress is stored as it is, behind a header: a full xorb exceeds 64 MiB."""

_FOOTER_MAGIC = b"XETBLOB"
_SCHEME_NONE, _SCHEME_LZ4, _SCHEME_GROUPED_LZ4 = range(3)
_GROUPS = 4
_TABLE_ENTRY_BYTES = HASH_BYTES + 4 + 4


@dataclass(frozen=True)
class ChunkTable:
    """What the hub keeps of a xorb's chunks, in the one packed form that also is a database value.

    For n chunks: n hashes of 32 bytes, then n end offsets in the stored bytes, then n end offsets in the raw bytes
    (little-endian u32). Columns, so that a run of hashes or one offset is a slice.
    """

    packed: bytes

    @classmethod
    def of(cls, hashes: bytes, stored_ends: list[int], raw_ends: list[int]) -> "ChunkTable":
        count = len(raw_ends)
        return cls(hashes + struct.pack(f"<{2 * count}I", *stored_ends, *raw_ends))

    @cached_property
    def count(self) -> int:
        return len(self.packed) // _TABLE_ENTRY_BYTES

    @property
    def stored_bytes(self) -> int:
        return self.stored_start(self.count)

    @property
    def raw_bytes(self) -> int:
        return self.raw_start(self.count)

    def hashes(self, start: int, end: int) -> bytes:
        """The packed hashes of chunks [start, end)."""
        return self.packed[HASH_BYTES * start : HASH_BYTES * end]

    def stored_start(self, index: int) -> int:
        """Where chunk `index` (its header) begins in the stored bytes; for `count`, their size."""
        return self._end(HASH_BYTES * self.count, index)

    def raw_start(self, index: int) -> int:
        """Where chunk `index` begins in the raw bytes; for `count`, their size."""
        return self._end((HASH_BYTES + 4) * self.count, index)

    def raw_lengths(self, start: int, end: int) -> list[int]:
        """The raw lengths of chunks [start, end)."""
        ends = self._raw_ends[start:end]
        return [end - begin for begin, end in zip((self.raw_start(start), *ends), ends, strict=False)]

    def index_at(self, raw_offset: int) -> int:
        """The chunk that holds the raw byte `raw_offset`."""
        return bisect_right(self._raw_ends, raw_offset)

    def stored_index_at(self, stored_offset: int) -> int:
        """How many chunks end at or before `stored_offset` of the stored bytes."""
        return bisect_right(self._stored_ends, stored_offset)

    @cached_property
    def _stored_ends(self) -> tuple[int, ...]:
        return struct.unpack_from(f"<{self.count}I", self.packed, HASH_BYTES * self.count)

    @cached_property
    def _raw_ends(self) -> tuple[int, ...]:
        return struct.unpack_from(f"<{self.count}I", self.packed, (HASH_BYTES + 4) * self.count)

    def _end(self, column: int, index: int) -> int:
        if index == 0:
            return 0
        end: int = struct.unpack_from("<I", self.packed, column + 4 * (index - 1))[0]
        return end


class Reads(Protocol):
    """What a xorb is read from: as much as is asked for, less only at the end."""

    def read(self, size: int, /) -> bytes: ...


class Stream:
    """Pieces of any size, read as a file is."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, less only at the end."""
        parts, missing = [], size
        while missing and (piece := self._held or next(self._pieces, b"")):
            parts.append(piece[:missing])
            self._held = piece[missing:]
            missing -= len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)


def verify(body: Reads, name: bytes) -> ChunkTable:
    """Reads a received xorb from `body` to its end, or to its footer, which is not part of it.

    `stored_bytes` of the answer says how much of `body` to keep. Raises ContentMismatch when its hash is not `name`,
    BadRequest for bytes that are no xorb, TooLarge for more chunks or raw bytes than a xorb may hold.
    """
    hashes = bytearray()
    stored_ends: list[int] = []
    raw_ends: list[int] = []
    stored = raw = 0
    for length, data in _received_chunks(body):
        stored += CHUNK_HEADER_BYTES + length
        raw += len(data)
        if len(raw_ends) == XORB_CHUNKS_MAX or raw > XORB_RAW_BYTES_MAX:
            raise TooLarge(f"A xorb holds at most {XORB_CHUNKS_MAX} chunks and {XORB_RAW_BYTES_MAX} raw bytes")
        hashes += chunk_hash(data)
        stored_ends.append(stored)
        raw_ends.append(raw)
    if not raw_ends:
        raise BadRequest("The xorb holds no chunk")
    table = ChunkTable.of(bytes(hashes), stored_ends, raw_ends)
    actual = xorb_hash(bytes(hashes), table.raw_lengths(0, table.count))
    if actual != name:
        raise ContentMismatch(f"The xorb announced as {to_text(name)} is {to_text(actual)}: send its bytes unchanged")
    return table


def is_true(body: Reads, name: bytes, stored_bytes: int) -> bool:
    """Whether a stored xorb of that size still is what its name says."""
    try:
        return verify(body, name).stored_bytes == stored_bytes
    except (BadRequest, ContentMismatch, TooLarge):
        return False


def decode(stored: bytes | memoryview) -> Iterator[bytes | memoryview]:
    """The raw bytes of each chunk in `stored`, which begins and ends at chunk boundaries. Raises BadRequest.

    Of a chunk that is not compressed it is a view, not a copy.
    """
    at = 0
    view = memoryview(stored)
    while at < len(view):
        header = view[at : at + CHUNK_HEADER_BYTES]
        length, scheme, raw_length = _parse_header(bytes(header))
        at += CHUNK_HEADER_BYTES + length
        yield _decode_payload(view[at - length : at], length, scheme, raw_length)


def _received_chunks(body: Reads) -> Iterator[tuple[int, bytes | memoryview]]:
    """Payload length and raw bytes of each chunk."""
    while header := body.read(CHUNK_HEADER_BYTES):
        if header.startswith(_FOOTER_MAGIC):
            return
        length, scheme, raw_length = _parse_header(header)
        yield length, _decode_payload(memoryview(body.read(length)), length, scheme, raw_length)


def _parse_header(header: bytes) -> tuple[int, int, int]:
    """Payload length, scheme and raw length; the lengths are bounded."""
    if len(header) < CHUNK_HEADER_BYTES:
        raise BadRequest("The xorb ends inside a chunk header: send it whole")
    if header[0] != 0:
        raise BadRequest(f"A chunk header has version {header[0]}: only version 0 is known")
    raw_length = int.from_bytes(header[5:8], "little")
    if not 0 < raw_length <= CHUNK_RAW_BYTES_MAX:
        raise BadRequest(f"A chunk announces {raw_length} raw bytes: 1 to {CHUNK_RAW_BYTES_MAX} are allowed")
    return int.from_bytes(header[1:4], "little"), header[4], raw_length


def _decode_payload(payload: memoryview, length: int, scheme: int, raw_length: int) -> bytes | memoryview:
    if len(payload) != length:
        raise BadRequest("The xorb ends inside a chunk: send it whole")
    if scheme == _SCHEME_NONE:
        if length != raw_length:
            raise BadRequest(f"An uncompressed chunk of {length} bytes announces {raw_length} raw bytes")
        return payload
    if scheme == _SCHEME_LZ4:
        return _decode_frame(payload, raw_length)
    if scheme == _SCHEME_GROUPED_LZ4:
        return _ungroup(_decode_frame(payload, raw_length))
    raise BadRequest(f"A chunk is compressed with scheme {scheme}: only 0, 1 and 2 are known")


def _decode_frame(frame: memoryview, raw_length: int) -> bytes:
    """Stops one byte past the announced length, so a bomb costs no more than an honest chunk."""
    decoder = LZ4FrameDecompressor()
    try:
        data: bytes = decoder.decompress(frame, max_length=raw_length + 1)
    except RuntimeError as error:
        raise BadRequest("A compressed chunk is no LZ4 frame, or a damaged one") from error
    if len(data) != raw_length or not decoder.eof or decoder.unused_data:
        raise BadRequest(f"A compressed chunk does not decode to the {raw_length} bytes that it announces")
    return data


def _ungroup(grouped: bytes) -> bytes:
    """Puts bytes 0, 4, 8 ..., then 1, 5, 9 ... back in their places."""
    data = bytearray(len(grouped))
    at = 0
    for group in range(_GROUPS):
        size = (len(grouped) + _GROUPS - 1 - group) // _GROUPS
        data[group::_GROUPS] = grouped[at : at + size]
        at += size
    return bytes(data)


# --- writing --------------------------------------------------------------------------------------------------------


class Scheme(IntEnum):
    """How a chunk is stored. Which one suits is found by trying."""

    NONE = _SCHEME_NONE
    LZ4 = _SCHEME_LZ4
    GROUPED_LZ4 = _SCHEME_GROUPED_LZ4


def encode(data: bytes | memoryview, scheme: Scheme) -> tuple[bytes, bytes | memoryview]:
    """Header and payload of one chunk; the payload is `data` itself where `scheme` makes it no smaller."""
    if scheme is not Scheme.NONE:
        raw = bytes(data)
        grouped = raw if scheme is Scheme.LZ4 else b"".join(raw[group::_GROUPS] for group in range(_GROUPS))
        packed: bytes = compress(grouped, block_size=BLOCKSIZE_MAX64KB, block_linked=False, store_size=False)
        if len(packed) < len(data):
            return _header(len(packed), scheme, len(data)), packed
    return _header(len(data), Scheme.NONE, len(data)), data


def _header(length: int, scheme: Scheme, raw_length: int) -> bytes:
    return b"\0" + length.to_bytes(3, "little") + bytes([scheme]) + raw_length.to_bytes(3, "little")
