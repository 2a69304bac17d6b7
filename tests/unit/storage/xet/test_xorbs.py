"""Xorbs as clients send them, and as attackers do (D-XET)."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lz4.frame import compress

from pioche.errors import BadRequest, ContentMismatch, HubError, TooLarge
from pioche.storage.xet import codec, xorbs
from pioche.storage.xet.hashing import chunk_hash, from_text, to_text
from tests.xet_client import Xorb, chunk, encode_chunk, group, make

ABCD_BODY = bytes.fromhex("001f00000190010004224d18604082100000004f616263640400ff746063646162636400000000")
FLOATS = b"".join(struct.pack("<f", i * 0.001) for i in range(501)) + b"xyz"


def verify(xorb: Xorb, body: bytes | None = None) -> xorbs.ChunkTable:
    return xorbs.verify([xorb.body if body is None else body], xorb.name)


def test_captured_upload() -> None:
    body = bytes.fromhex("000a0000000a000068656c6c6f207865740a")
    table = xorbs.verify([body], from_text("24a33e1db68b4969c9293aa5b4dfc314faeff85f23b10e77124ea59d49e7caa1"))
    assert (table.count, table.stored_bytes, table.raw_bytes) == (1, 18, 10)
    assert table.hashes(0, 1).hex() == "69498bb61d3ea32414c3dfb4a53a29c9770eb1235ff8effaa1cae7499da54e12"


def test_captured_lz4_chunk() -> None:
    name = from_text("55b73e27dd29f1b6090b6ce6ab0f6c8b487dd0cc27840ae2402d5dac04947c10")
    assert xorbs.verify([ABCD_BODY], name).raw_bytes == 400
    assert list(codec.decode(ABCD_BODY)) == [b"abcd" * 100]


def test_grouped_chunk() -> None:
    assert group(bytes(range(10))).hex() == "00040801050902060307"
    assert to_text(chunk_hash(FLOATS)) == "9958df4e36a688be0c1ce8b31bd4e7429148429eaeac8efeb5ea70d9a6672ac8"
    xorb = Xorb([FLOATS, b"1", b"22", b"333", b"4444", b"55555"], [2] * 6)
    assert verify(xorb).count == 6
    assert list(codec.decode(xorb.body)) == xorb.chunks


def test_schemes_mix_and_the_table_tells_where_chunks_lie() -> None:
    parts = [*chunk(make("mix", 200_000)), b"a" * 1000, b"abcd" * 999, b"z"]
    xorb = Xorb(parts, [i % 3 for i in range(len(parts))])
    table = verify(xorb)
    assert table.stored_bytes == len(xorb.body)
    assert table.raw_lengths(0, table.count) == [len(part) for part in parts]
    for i, part in enumerate(parts):
        stored = xorb.body[table.stored_start(i) : table.stored_start(i + 1)]
        assert list(codec.decode(stored)) == [part]
        assert table.hashes(i, i + 1) == chunk_hash(part)
        assert table.index_at(table.raw_start(i)) == table.index_at(table.raw_start(i + 1) - 1) == i
    assert table.raw_lengths(1, 3) == [len(part) for part in parts[1:3]]
    assert len(table.packed) == 40 * len(parts)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1), st.booleans())
def test_pieces_may_be_of_any_size(sizes: list[int], has_footer: bool) -> None:
    xorb = Xorb([make("any", 9000), b"abcd" * 900, b"xyz" * 700, b"1"], [0, 1, 2, 0])
    body = xorb.body + (b"XETBLOB\x01" + b"anything" * 9 if has_footer else b"")
    pieces, at = list[bytes](), 0
    while at < len(body):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(body[at : at + size])
        at += size
    assert xorbs.verify(pieces, xorb.name) == verify(xorb)


def test_footer_is_dropped() -> None:
    xorb = Xorb([b"one", b"two"])
    table = verify(xorb, xorb.body + b"XETBLOB\x01" + b"anything" * 9)
    assert table.stored_bytes == len(xorb.body)


def test_full_xorbs_fit() -> None:
    tiny = Xorb([struct.pack("<H", i) for i in range(xorbs.XORB_CHUNKS_MAX)])
    assert verify(tiny).count == 8192
    full = Xorb([b"\0" * 131072] * 512, [1] * 512)
    assert verify(full).raw_bytes == xorbs.XORB_RAW_BYTES_MAX


def test_d_xet_too_many_chunks_or_bytes() -> None:
    with pytest.raises(TooLarge):
        verify(Xorb([struct.pack("<H", i) for i in range(xorbs.XORB_CHUNKS_MAX + 1)]))
    with pytest.raises(TooLarge):
        verify(Xorb([b"\0" * 131072] * 513, [1] * 513))


def test_d_xet_wrong_hash() -> None:
    with pytest.raises(ContentMismatch, match="unchanged"):
        verify(Xorb([b"one"]), Xorb([b"two"]).body)


def test_d_xet_truncated_anywhere() -> None:
    xorb = Xorb([make("t", 100), b"a" * 500], [0, 1])
    for size in range(len(xorb.body)):
        with pytest.raises(HubError) as caught:
            verify(xorb, xorb.body[:size])
        assert caught.value.status < 500


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no chunk"),
        (b"XETBLOB\x01", "no chunk"),
        (b"\x01" + encode_chunk(b"abc")[1:], "version 1"),
        (encode_chunk(b"abc", 0)[:4] + b"\x07" + encode_chunk(b"abc")[5:], "scheme 7"),
        (encode_chunk(b""), "announces 0"),
        (encode_chunk(bytes(131073)), "announces 131073"),
        (encode_chunk(b"abcd", payload=b"abc"), "uncompressed"),
        (encode_chunk(b"abcd", 1, payload=b"not a frame at all"), "LZ4"),
        (encode_chunk(b"abcd", 1, payload=b""), "announces 0 stored bytes"),
        (encode_chunk(b"abcd", 1, payload=compress(b"abc")), "does not decode"),
        (encode_chunk(b"abcd", 2, payload=compress(b"abcde")), "does not decode"),
        (encode_chunk(b"abcd", 1, payload=compress(b"abcd") + b"more"), "does not decode"),
        (encode_chunk(b"abcd", 1, payload=compress(b"abcd")[:-1]), "does not decode"),
        (encode_chunk(b"abcd", 1, payload=compress(bytes(1 << 25))), "does not decode"),
        (encode_chunk(b"abcd", 1, payload=compress(bytes(1 << 27))), "announces 5[0-9]* stored bytes"),
    ],
    ids=str,
)
def test_d_xet_malformed(body: bytes, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        xorbs.verify([body], bytes(32))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_d_xet_noise_is_refused_or_decodes_within_bounds(noise: bytes) -> None:
    try:
        pieces = list(codec.decode(noise))
    except BadRequest:
        return
    assert all(0 < len(piece) <= codec.CHUNK_RAW_BYTES_MAX for piece in pieces)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_d_xet_one_changed_byte_is_noticed(at: int, change: int) -> None:
    xorb = Xorb([make("flip", 300), b"abcd" * 60, b"xy" * 99], [0, 1, 2])
    body = bytearray(xorb.body)
    body[at % len(body)] ^= change
    try:
        table = verify(xorb, bytes(body))
    except HubError as error:
        assert error.status < 500  # noqa: PT017 - either outcome is right
    else:
        assert list(codec.decode(body[: table.stored_bytes])) == xorb.chunks
