"""Shards: the captured one, our own, and hostile ones (D-XET)."""

import hashlib
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pioche.errors import BadRequest, ContentMismatch, ContentNotFound, HubError
from pioche.storage.xet import hashing, shards
from pioche.storage.xet.xorbs import ChunkTable
from tests.xet_client import (
    SHARD_HEADER,
    File,
    Term,
    Xorb,
    chunk,
    file_of,
    file_records,
    make,
    shard_body,
    shard_of,
    xorb_records,
)

CAPTURED = bytes.fromhex(
    "48465265706f4d6574614461746100556967456a7b815783a5bdd95ccdd14aa902000000000000000000000000000000"
    "65f3e8208e06a21b493da70e60175ac7a2942822d2ac17e6224e2b03d000b10d000000c0010000000000000000000000"
    "69498bb61d3ea32414c3dfb4a53a29c9770eb1235ff8effaa1cae7499da54e12000000000a0000000000000001000000"
    "11b23fcda8895b5c54f5df098f8f79ce1d83b940c559a72c7e179a22ca363a7800000000000000000000000000000000"
    "d7e03a2ab91c6d24f11adc4eee2533fdbee35d3b71ab87284a989c8c7b314b8600000000000000000000000000000000"
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00000000000000000000000000000000"
    "69498bb61d3ea32414c3dfb4a53a29c9770eb1235ff8effaa1cae7499da54e1200000000010000000a00000000000000"
    "69498bb61d3ea32414c3dfb4a53a29c9770eb1235ff8effaa1cae7499da54e12000000000a0000000000000000000000"
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00000000000000000000000000000000"
)
HELLO = b"hello xet\n"


def table_of(xorb: Xorb) -> ChunkTable:
    stored, raw, stored_ends, raw_ends = 0, 0, [], []
    for part in xorb.chunks:
        stored, raw = stored + 8 + len(part), raw + len(part)
        stored_ends.append(stored)
        raw_ends.append(raw)
    return ChunkTable.of(b"".join(xorb.hashes), stored_ends, raw_ends)


def lookup(*known: Xorb) -> Callable[[bytes], ChunkTable]:
    tables = {xorb.name: table_of(xorb) for xorb in known}

    def find(name: bytes) -> ChunkTable:
        if name not in tables:
            raise ContentNotFound("no such xorb")
        return tables[name]

    return find


def test_captured_shard() -> None:
    shard = shards.parse(CAPTURED)
    (file,), (xorb,) = shard.files, shard.xorbs
    assert file.sha256 == hashlib.sha256(HELLO).hexdigest()
    stored, source = file_of(HELLO)
    checked = shards.check_file(file, lookup(source))
    assert (checked.hash, checked.size, checked.sha256) == (stored.name, 10, file.sha256)
    assert shards.TERM.unpack(checked.terms) == (source.name, 10, 0, 1)
    shards.check_xorb(xorb, table_of(source))
    assert shard_of([stored], [source]) == CAPTURED


def test_footer_size_of_old_clients_and_trailing_bytes_are_ignored() -> None:
    body = CAPTURED[:40] + struct.pack("<Q", 200) + CAPTURED[48:]
    assert shards.parse(body).files == shards.parse(CAPTURED + b"x" * 77).files


def test_file_of_several_terms_and_xorbs() -> None:
    parts = chunk(make("several", 700_000))
    one, two = Xorb(parts[:3]), Xorb(parts[3:])
    file = File([Term(one, 0, 3), Term(two, 0, len(two.chunks)), Term(one, 1, 2)])
    entry = shards.parse(shard_of([file], [])).files[0]
    checked = shards.check_file(entry, lookup(one, two))
    assert checked.size == len(file.data)
    assert len(checked.terms) == 3 * shards.TERM.size


def test_file_without_sha256() -> None:
    stored, source = file_of(HELLO)
    entry = shards.parse(shard_body([file_records(stored, sha256=None)], [])).files[0]
    assert entry.sha256 is None
    assert shards.check_file(entry, lookup(source)).sha256 is None


def test_empty_file() -> None:
    entry = shards.parse(shard_of([File([])], [])).files[0]
    assert entry.hash == bytes(32)
    assert shards.check_file(entry, lookup()).size == 0


def test_d_xet_terms_must_carry_range_hashes() -> None:
    stored, _ = file_of(HELLO)
    with pytest.raises(BadRequest, match="range hashes"):
        shards.parse(shard_body([file_records(stored, flags=0x40000000)], []))


def test_d_xet_absent_xorb() -> None:
    stored, _ = file_of(HELLO)
    with pytest.raises(ContentNotFound):
        shards.check_file(shards.parse(shard_of([stored], [])).files[0], lookup())


def patched(offset: int, value: bytes) -> shards.FileEntry:
    body = CAPTURED[:offset] + value + CAPTURED[offset + len(value) :]
    return shards.parse(body).files[0]


TERM_AT = 96


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (patched(48, bytes(32)), ContentMismatch),
        (patched(TERM_AT + 36, struct.pack("<I", 11)), ContentMismatch),
        (patched(TERM_AT + 40, struct.pack("<I", 1)), BadRequest),
        (patched(TERM_AT + 44, struct.pack("<I", 2)), BadRequest),
        (patched(TERM_AT + 40, struct.pack("<II", 5, 2)), BadRequest),
        (patched(TERM_AT + 44, struct.pack("<I", 0xFFFFFFFF)), BadRequest),
        (patched(144, bytes(32)), ContentMismatch),
    ],
    ids=["file hash", "raw bytes", "empty range", "past the end", "backwards", "2^32 chunks", "range hash"],
)
def test_d_xet_false_statements(entry: shards.FileEntry, error: type[HubError]) -> None:
    with pytest.raises(error):
        shards.check_file(entry, lookup(file_of(HELLO)[1]))


@pytest.mark.parametrize("count_at", [84, 324], ids=["terms", "chunks"])
def test_d_xet_a_count_of_4_billion_allocates_nothing(count_at: int) -> None:
    body = CAPTURED[:count_at] + struct.pack("<I", 0xFFFFFFFF) + CAPTURED[count_at + 4 :]
    with pytest.raises(BadRequest):
        shards.parse(body)


def test_d_xet_truncated_anywhere() -> None:
    for size in range(len(CAPTURED)):
        with pytest.raises(BadRequest):
            shards.parse(CAPTURED[:size])


@pytest.mark.parametrize("body", [b"", b"x" * 48, SHARD_HEADER[:32] + struct.pack("<QQ", 1, 0)])
def test_d_xet_not_a_shard(body: bytes) -> None:
    with pytest.raises(BadRequest):
        shards.parse(body)


def test_d_xet_a_million_terms_stop_at_the_bound() -> None:
    """A term is 96 bytes of shard and may stand for 8192 chunks: the sum is what is bounded."""
    source = Xorb([b"x"] * 8192)
    term = source.name + struct.pack("<IIII", 0, 8192, 0, 8192)
    proof = Term(source, 0, 8192).range_hash + bytes(16)
    count = shards.FILE_CHUNKS_MAX // 8192 + 1
    entry = shards.FileEntry(bytes(32), memoryview(term * count), memoryview(proof * count), None)
    seen: list[int] = []
    table = table_of(source)

    def find(name: bytes) -> ChunkTable:
        seen.append(1)
        if len(seen) > 3:
            raise ContentNotFound("enough for this test")
        return table

    with pytest.raises(ContentNotFound):
        shards.check_file(entry, find)


def test_d_xet_more_chunks_than_a_file_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "FILE_CHUNKS_MAX", 1)
    source = Xorb([b"x", b"y"])
    entry = shards.parse(shard_of([File([Term(source, 0, 1), Term(source, 1, 2)])], [])).files[0]
    with pytest.raises(BadRequest, match="split"):
        shards.check_file(entry, lookup(source))


def test_d_xet_chunk_list_of_another_xorb() -> None:
    entry = shards.parse(shard_body([], [xorb_records(Xorb([b"a", b"b"]))])).xorbs[0]
    for other in (Xorb([b"a"]), Xorb([b"a", b"c"]), Xorb([b"a", b"b", b"c"])):
        with pytest.raises(ContentMismatch):
            shards.check_xorb(entry, table_of(other))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(CAPTURED) - 1), st.integers(1, 255))
def test_d_xet_one_changed_byte_never_makes_another_file(at: int, change: int) -> None:
    body = bytearray(CAPTURED)
    body[at] ^= change
    _, source = file_of(HELLO)
    try:
        files = [shards.check_file(entry, lookup(source)) for entry in shards.parse(bytes(body)).files]
    except HubError as error:
        assert error.status < 500  # noqa: PT017 - either outcome is right
    else:
        assert all(file.size == 10 for file in files)


# --- answers --------------------------------------------------------------------------------------------------------


def test_deduplication_answer_vector() -> None:
    _, source = file_of(HELLO)
    key = bytes(range(1, 33))
    body = shards.answer(
        [shards.AnsweredXorb(source.name, table_of(source), [(0, 1)])], key=key, created=1800000000, expiry=1900000000
    )
    assert len(body) == 440
    assert hashlib.sha256(body).hexdigest() == "6c00971776a8628b33223edf37210da09304792efc3ea9c363b7e02b6f3d3b45"


def test_e_xet_4_answers_hold_no_plain_chunk_hash() -> None:
    source = Xorb(chunk(make("secret", 300_000)))
    table, key = table_of(source), b"k" * 32
    body = shards.answer([shards.AnsweredXorb(source.name, table, [(0, 2), (1, 3)])], key=key, created=1, expiry=2)
    entry = shards.parse(body).xorbs[0]
    assert entry.hash == source.name
    assert table.count > 3
    for index, name in enumerate(source.hashes):
        record = entry.chunks[48 * index : 48 * index + 48]
        assert (bytes(record[:32]) == hashing.keyed(name, key)) is (index < 3), "a chunk that is not shown has no name"
        assert name not in body
