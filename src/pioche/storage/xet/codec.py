"""How one chunk is stored: a header of 8 bytes, then its bytes, compressed alone or not at all (xet.md section 6).

Everything here is bounded: a chunk is decoded to no more than it announces, and it may announce little.
"""

import struct
import sys
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from lz4.frame import BLOCKSIZE_MAX64KB, LZ4FrameDecompressor, compress

from pioche.errors import BadRequest

CHUNK_RAW_BYTES_MAX = 128 << 10
CHUNK_HEADER_BYTES = 8

_PAYLOAD_BYTES_MAX = 2 * CHUNK_RAW_BYTES_MAX
"""More than any LZ4 frame of one chunk, however little it compresses: this much waits in memory until it is whole."""
_HEADER = struct.Struct("<II")  # version and payload length, scheme and raw length: 8 and 24 bits each
_FOOTER_MAGIC = b"XETBLOB"
_GROUPS = 4

Part = bytes | memoryview


class Scheme(IntEnum):
    """How a chunk is stored. Which one suits is found by trying."""

    NONE = 0
    LZ4 = 1
    GROUPED_LZ4 = 2


class Chunk(NamedTuple):
    """What a chunk takes in the store, its header included, and its raw bytes."""

    stored_bytes: int
    data: Part


class _Header(NamedTuple):
    """`stored_bytes` counts the header too."""

    stored_bytes: int
    scheme: int
    raw_bytes: int


_INCOMPLETE = _Header(CHUNK_HEADER_BYTES, 0, 0)
_FOOTER = _Header(sys.maxsize, 0, 0)


class Decoder:
    """Chunks out of stored bytes that come in pieces of any size, up to their end or to a footer.

    It holds what came of one chunk that is not whole. Raw bytes that were stored as they are are views of the pieces.
    """

    def __init__(self) -> None:
        self._begun = bytearray()
        self._frames = LZ4FrameDecompressor()

    def add(self, piece: Part) -> Iterator[Chunk]:
        """The chunks that are whole now. Raises BadRequest."""
        view = memoryview(piece)
        while self._begun and view:
            missing = _parse_header(self._begun, 0).stored_bytes - len(self._begun)
            if missing > _PAYLOAD_BYTES_MAX:
                return  # a footer
            self._begun += view[:missing]
            view = view[missing:]
            header = _parse_header(self._begun, 0)
            if header.stored_bytes == len(self._begun):
                whole, self._begun = bytes(self._begun), bytearray()
                yield self._decode(memoryview(whole), 0, header)
        at = 0
        while at + (header := _parse_header(view, at)).stored_bytes <= len(view):
            yield self._decode(view, at, header)
            at += header.stored_bytes
        self._begun += view[at:]

    def end(self) -> None:
        """Nothing more comes. Raises BadRequest when a chunk is not whole."""
        if self._begun and not self._begun.startswith(_FOOTER_MAGIC):
            raise BadRequest("The xorb ends inside a chunk: send it whole")

    def _decode(self, view: memoryview, at: int, header: _Header) -> Chunk:
        stored_bytes, scheme, raw_bytes = header
        payload = view[at + CHUNK_HEADER_BYTES : at + stored_bytes]
        if scheme == Scheme.NONE:
            if len(payload) != raw_bytes:
                raise BadRequest(f"An uncompressed chunk of {len(payload)} bytes announces {raw_bytes} raw bytes")
            return Chunk(stored_bytes, payload)
        data = self._decompress(payload, raw_bytes)
        return Chunk(stored_bytes, data if scheme == Scheme.LZ4 else _ungroup(data))

    def _decompress(self, frame: memoryview, raw_bytes: int) -> bytes:
        """Stops one byte past the announced length, so a bomb costs no more than an honest chunk."""
        self._frames.reset()
        try:
            data: bytes = self._frames.decompress(frame, max_length=raw_bytes + 1)
        except RuntimeError as error:
            raise BadRequest("A compressed chunk is no LZ4 frame, or a damaged one") from error
        if len(data) != raw_bytes or not self._frames.eof or self._frames.unused_data:
            raise BadRequest(f"A compressed chunk does not decode to the {raw_bytes} bytes that it announces")
        return data


def decode(stored: Part) -> Iterator[Part]:
    """The raw bytes of each chunk in `stored`, which begins and ends at chunk boundaries. Raises BadRequest.

    Of a chunk that is not compressed it is a view, not a copy.
    """
    decoder = Decoder()
    for chunk in decoder.add(stored):
        yield chunk.data
    decoder.end()


def encode(data: Part, scheme: Scheme) -> tuple[bytes, Part]:
    """Header and payload of one chunk; the payload is `data` itself where `scheme` makes it no smaller."""
    if scheme is not Scheme.NONE:
        raw = bytes(data)
        grouped = raw if scheme is Scheme.LZ4 else b"".join(raw[group::_GROUPS] for group in range(_GROUPS))
        packed: bytes = compress(grouped, block_size=BLOCKSIZE_MAX64KB, block_linked=False, store_size=False)
        if len(packed) < len(data):
            return _header(len(packed), scheme, len(data)), packed
    return _header(len(data), Scheme.NONE, len(data)), data


def _header(length: int, scheme: Scheme, raw_bytes: int) -> bytes:
    return _HEADER.pack(length << 8, raw_bytes << 8 | scheme)


def _parse_header(data: memoryview | bytearray, at: int) -> _Header:
    """The lengths are bounded, and the scheme is known; one of which too little is there asks for no more than its rest."""
    if len(data) - at < CHUNK_HEADER_BYTES:
        return _INCOMPLETE
    low, high = _HEADER.unpack_from(data, at)
    if low & 0xFF:
        if bytes(data[at : at + len(_FOOTER_MAGIC)]) == _FOOTER_MAGIC:
            return _FOOTER
        raise BadRequest(f"A chunk header has version {low & 0xFF}: only version 0 is known")
    length, scheme, raw_bytes = low >> 8, high & 0xFF, high >> 8
    if not 0 < raw_bytes <= CHUNK_RAW_BYTES_MAX:
        raise BadRequest(f"A chunk announces {raw_bytes} raw bytes: 1 to {CHUNK_RAW_BYTES_MAX} are allowed")
    if not 0 < length <= _PAYLOAD_BYTES_MAX:
        raise BadRequest(f"A chunk announces {length} stored bytes: 1 to {_PAYLOAD_BYTES_MAX} are allowed")
    if scheme > Scheme.GROUPED_LZ4:
        raise BadRequest(f"A chunk is compressed with scheme {scheme}: only 0, 1 and 2 are known")
    return _Header(CHUNK_HEADER_BYTES + length, scheme, raw_bytes)


def _ungroup(grouped: bytes) -> memoryview:
    """Puts bytes 0, 4, 8 ..., then 1, 5, 9 ... back in their places."""
    data = bytearray(len(grouped))
    at = 0
    for group in range(_GROUPS):
        size = (len(grouped) + _GROUPS - 1 - group) // _GROUPS
        data[group::_GROUPS] = grouped[at : at + size]
        at += size
    return memoryview(data)
