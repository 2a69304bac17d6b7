"""Xorbs: concatenated chunks, each stored by itself as `codec` says (xet.md section 6).

`Verifier` is the only check that uploaded bytes are what their name says: no client repeats it on download.
It is bounded: no more than one chunk is decoded at a time, to no more than it announced.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from pioche.errors import BadRequest, ContentMismatch, TooLarge
from pioche.storage.xet.codec import CHUNK_HEADER_BYTES, Decoder
from pioche.storage.xet.hashing import HASH_BYTES, chunk_hash, to_text, xorb_hash

XORB_CHUNKS_MAX = 8192
XORB_RAW_BYTES_MAX = 64 << 20
XORB_STORED_BYTES_MAX = XORB_RAW_BYTES_MAX + XORB_CHUNKS_MAX * CHUNK_HEADER_BYTES
"""A chunk that does not compress is stored as it is, behind a header: a full xorb exceeds 64 MiB."""

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


class Verifier:
    """Looks at a xorb while it comes: every chunk is decoded and hashed as soon as it is whole."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._hashes = bytearray()
        self._stored_ends = [0]
        self._raw_ends = [0]

    def add(self, piece: bytes | memoryview) -> None:
        """Raises BadRequest for bytes that are no xorb, TooLarge for more chunks or raw bytes than a xorb may hold."""
        for chunk in self._decoder.add(piece):
            raw_end = self._raw_ends[-1] + len(chunk.data)
            if len(self._raw_ends) > XORB_CHUNKS_MAX or raw_end > XORB_RAW_BYTES_MAX:
                raise TooLarge(f"A xorb holds at most {XORB_CHUNKS_MAX} chunks and {XORB_RAW_BYTES_MAX} raw bytes")
            self._hashes += chunk_hash(chunk.data)
            self._stored_ends.append(self._stored_ends[-1] + chunk.stored_bytes)
            self._raw_ends.append(raw_end)

    def finish(self, name: bytes) -> ChunkTable:
        """The table of what came, up to its end or to its footer, which is not part of the xorb: `stored_bytes` says how
        much to keep. Raises BadRequest, and ContentMismatch when the xorb's hash is not `name`."""
        self._decoder.end()
        if not self._hashes:
            raise BadRequest("The xorb holds no chunk")
        table = ChunkTable.of(bytes(self._hashes), self._stored_ends[1:], self._raw_ends[1:])
        actual = xorb_hash(bytes(self._hashes), table.raw_lengths(0, table.count))
        if actual != name:
            raise ContentMismatch(
                f"The xorb announced as {to_text(name)} is {to_text(actual)}: send its bytes unchanged"
            )
        return table


def verify(pieces: Iterable[bytes | memoryview], name: bytes) -> ChunkTable:
    """The table of a xorb that comes in pieces of any size. Raises as `Verifier` does."""
    verifier = Verifier()
    for piece in pieces:
        verifier.add(piece)
    return verifier.finish(name)


def is_true(pieces: Iterable[bytes | memoryview], name: bytes, stored_bytes: int) -> bool:
    """Whether a stored xorb of that size still is what its name says."""
    try:
        return verify(pieces, name).stored_bytes == stored_bytes
    except (BadRequest, ContentMismatch, TooLarge):
        return False
