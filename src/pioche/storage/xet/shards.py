"""Shards: the binary messages that name files and xorbs (xet.md section 7).

An upload makes files exist; a deduplication answer tells a client which chunks the hub has. Every record is 48 bytes,
so counts are checked against the bytes that are really there before anything is built from them.
"""

import secrets
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pioche.errors import BadRequest, ContentMismatch
from pioche.names import Sha256
from pioche.storage.xet.hashing import EMPTY, HASH_BYTES, Tree, file_hash, keyed, range_hash, sha256_of_record, to_text
from pioche.storage.xet.xorbs import XORB_CHUNKS_MAX, ChunkTable

SHARD_BYTES_MAX = 128 << 20
"""Clients aim at 64 MiB, and go beyond it when one file needs more."""

FILE_CHUNKS_MAX = 1 << 24
"""About 1 TiB at the usual 64 KiB a chunk: a bound on the work of a file that names the same xorb again and again."""

TERM = struct.Struct("<32sIII")
"""A term as the hub keeps it: xorb hash, raw bytes, first chunk, chunk after the last."""

_RECORD_BYTES = 48
_MAGIC = bytes.fromhex("48465265706f4d6574614461746100556967456a7b815783a5bdd95ccdd14aa9")
_VERSION = 2
_FOOTER_BYTES = 200
_BOOKEND = b"\xff" * 32 + bytes(16)
_HEADER = struct.Struct("<32sQQ")
_FILE = struct.Struct("<32sII8x")
_TERM_RECORD = struct.Struct("<32sIIII")
_HASH_RECORD = struct.Struct("<32s16x")
_XORB = struct.Struct("<32sIIII")
_CHUNK = struct.Struct("<32sIII4x")
_WITH_RANGE_HASHES = 0x80000000
_WITH_SHA256 = 0x40000000


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file as a shard states it; nothing is checked yet. `terms` and `range_hashes` are records, packed.

    `sha256` is absent when the client does not state it (buckets).
    """

    hash: bytes
    terms: memoryview
    range_hashes: memoryview
    sha256: Sha256 | None


@dataclass(frozen=True, slots=True)
class XorbEntry:
    """A xorb as a shard states it; `chunks` are records, packed."""

    hash: bytes
    chunks: memoryview


@dataclass(frozen=True, slots=True)
class Shard:
    files: list[FileEntry]
    xorbs: list[XorbEntry]


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file whose terms were found true: `terms` in the hub's own form (`TERM`), `size` in raw bytes."""

    hash: bytes
    size: int
    terms: bytes
    sha256: Sha256 | None


def parse(body: bytes) -> Shard:
    """Reads an uploaded shard up to its second bookend; what follows (a footer of other tools) is ignored.

    The footer size in the header is not believed either: hf_xet 1.1 and 1.2 state one and send none.
    Raises BadRequest.
    """
    records = _Records(body)
    magic, version, _ = _HEADER.unpack(records.take(1))
    if magic != _MAGIC or version != _VERSION:
        raise BadRequest(f"This is not a shard of version {_VERSION}")
    return Shard(list(_parse_files(records)), list(_parse_xorbs(records)))


class _Records:
    """A cursor over 48-byte records that cannot pass the end."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)
        self._at = 0

    def take(self, count: int) -> memoryview:
        begin, self._at = self._at, self._at + count * _RECORD_BYTES
        if self._at > len(self._body):
            raise BadRequest("The shard ends before its last bookend: send it whole, with true counts")
        return self._body[begin : self._at]


def _parse_files(records: _Records) -> Iterator[FileEntry]:
    while (head := records.take(1)) != _BOOKEND:
        name, flags, count = _FILE.unpack(head)
        terms = records.take(count)
        if not flags & _WITH_RANGE_HASHES and count:
            raise BadRequest(f"The shard states no range hashes for file {to_text(name)}: they are required")
        range_hashes = records.take(count if flags & _WITH_RANGE_HASHES else 0)
        sha256 = sha256_of_record(bytes(records.take(1)[:HASH_BYTES])) if flags & _WITH_SHA256 else None
        yield FileEntry(name, terms, range_hashes, sha256)


def _parse_xorbs(records: _Records) -> Iterator[XorbEntry]:
    while (head := records.take(1)) != _BOOKEND:
        name, _, count, _, _ = _XORB.unpack(head)
        if count > XORB_CHUNKS_MAX:
            raise BadRequest(
                f"The shard gives xorb {to_text(name)} {count} chunks: at most {XORB_CHUNKS_MAX} fit in one"
            )
        yield XorbEntry(name, records.take(count))


def xorbs_of(entry: FileEntry) -> set[bytes]:
    """The xorbs that a file's terms name."""
    return {xorb for xorb, _, _, _, _ in _TERM_RECORD.iter_unpack(entry.terms)}


# --- is it true? ----------------------------------------------------------------------------------------------------


def check_xorb(entry: XorbEntry, table: ChunkTable) -> None:
    """Compares a shard's list of chunks with the stored xorb. Raises ContentMismatch."""
    hashes = b"".join(name for name, _, _, _ in _CHUNK.iter_unpack(entry.chunks))
    if hashes != table.hashes(0, table.count):
        raise ContentMismatch(f"The shard lists other chunks for xorb {to_text(entry.hash)} than those it has")


def check_file(entry: FileEntry, table_of: Callable[[bytes], ChunkTable]) -> CheckedFile:
    """Proves that the uploader knows every chunk of the file and that the file's hash is right; not yet its sha256.

    `table_of` gives the chunk table of a xorb that the caller may use, or raises. Raises BadRequest or ContentMismatch.
    """
    tree = Tree()
    terms = bytearray()
    size = chunks = 0
    for (xorb, _, raw_bytes, start, end), (stated,) in zip(
        _TERM_RECORD.iter_unpack(entry.terms), _HASH_RECORD.iter_unpack(entry.range_hashes), strict=True
    ):
        chunks += end - start
        if chunks > FILE_CHUNKS_MAX:
            raise BadRequest(f"File {to_text(entry.hash)} has more than {FILE_CHUNKS_MAX} chunks: split it")
        table = table_of(xorb)
        lengths = _check_term(table, xorb, raw_bytes, start, end)
        hashes = table.hashes(start, end)
        if range_hash(hashes) != stated:
            raise ContentMismatch(f"Wrong range hash for chunks {start} to {end} of xorb {to_text(xorb)}")
        tree.add(hashes, lengths)
        terms += TERM.pack(xorb, raw_bytes, start, end)
        size += raw_bytes
    if file_hash(tree) != entry.hash:
        raise ContentMismatch(f"The terms of file {to_text(entry.hash)} make another file: send the shard unchanged")
    return CheckedFile(entry.hash, size, bytes(terms), entry.sha256)


def _check_term(table: ChunkTable, xorb: bytes, raw_bytes: int, start: int, end: int) -> list[int]:
    """The raw lengths of the term's chunks."""
    if not start < end <= table.count:
        raise BadRequest(f"A term names chunks {start} to {end} of xorb {to_text(xorb)}, which has {table.count}")
    actual = table.raw_start(end) - table.raw_start(start)
    if actual != raw_bytes:
        raise ContentMismatch(f"A term announces {raw_bytes} raw bytes of xorb {to_text(xorb)}; they are {actual}")
    return table.raw_lengths(start, end)


# --- deduplication answers ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnsweredXorb:
    """A xorb to tell a client about, and the chunk ranges [start, end) of it that the client may know of."""

    hash: bytes
    table: ChunkTable
    shown: Sequence[tuple[int, int]]


def answer(xorbs: Iterable[AnsweredXorb], *, key: bytes, created: int, expiry: int) -> bytes:
    """A shard with no file and these xorbs, chunk hashes keyed with `key` so that only who has a chunk recognises it.

    A chunk that is not shown has a place in the list, since places are what clients refer to, but random bytes for a name.
    `created` and `expiry` are unix seconds. Ends with the footer that answers must have; its tables are empty.
    """
    header = _HEADER.pack(_MAGIC, _VERSION, _FOOTER_BYTES)
    xorb_at = _RECORD_BYTES * 2
    body = b"".join([header, _BOOKEND, *(_answer_xorb(xorb, key) for xorb in xorbs), _BOOKEND])
    at = len(body)
    footer = struct.pack("<QQQ6Q32sQQ72xQ", 1, _RECORD_BYTES, xorb_at, at, 0, at, 0, at, 0, key, created, expiry, at)
    return body + footer


def _answer_xorb(xorb: AnsweredXorb, key: bytes) -> bytes:
    table = xorb.table
    out = bytearray(_XORB.pack(xorb.hash, 0, table.count, table.raw_bytes, table.stored_bytes))
    names = bytearray(secrets.token_bytes(HASH_BYTES * table.count))
    for start, end in xorb.shown:
        packed = table.hashes(start, end)
        if key != EMPTY:
            packed = b"".join(keyed(packed[at : at + HASH_BYTES], key) for at in range(0, len(packed), HASH_BYTES))
        names[HASH_BYTES * start : HASH_BYTES * end] = packed
    raw_start = 0
    for index, length in enumerate(table.raw_lengths(0, table.count)):
        out += _CHUNK.pack(bytes(names[HASH_BYTES * index : HASH_BYTES * (index + 1)]), raw_start, length, 0)
        raw_start += length
    return bytes(out)
