"""Parquet: what is shown, and what lies."""

import random

import pytest

from pioche.repos.preview import columns, snappy
from pioche.repos.preview.spans import Unreadable, of_bytes
from tests.binary_files import fields, parquet

SMALL = parquet({"n": ("int64", [1, -2, 3]), "t": ("text", ["é", "<b>", ""]), "raw": ("binary", [b"\0\1", b"", b"x"])})


def test_columns_and_first_rows() -> None:
    found = columns.read(of_bytes(SMALL))
    assert (found.count, found.row_groups, found.created_by, found.codecs) == (3, 1, "a test", ["none"])
    assert [(column.path, column.type) for column in found.columns] == [
        ("n", "int64"),
        ("t", "string"),
        ("raw", "binary"),
    ]
    assert found.rows == [["1", "é", "‹2 bytes›"], ["-2", "<b>", "‹0 bytes›"], ["3", "", "‹1 bytes›"]]


def test_only_the_first_rows_are_read() -> None:
    found = columns.read(of_bytes(parquet({"n": ("int64", list(range(9000)))})))
    assert [row[0] for row in found.rows] == [str(number) for number in range(columns.ROWS_SHOWN)]


def test_a_way_of_packing_that_is_not_read_leaves_the_schema() -> None:
    found = columns.read(of_bytes(parquet({"n": ("int64", [1])}, codec=6)))
    assert found.rows == []
    assert "zstd" in found.columns[0].problem


@pytest.mark.parametrize("size", range(0, len(SMALL), 7))
def test_cut_short_anywhere_it_is_unreadable(size: int) -> None:
    with pytest.raises(Unreadable):
        columns.read(of_bytes(SMALL[:size]))


def test_flipped_bits_are_unreadable_or_shown_as_they_are() -> None:
    chance = random.Random(7)
    for _ in range(400):
        data = bytearray(SMALL)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        try:
            found = columns.read(of_bytes(bytes(data)))
        except Unreadable:
            continue
        assert len(found.rows) <= columns.ROWS_SHOWN


def nested(depth: int) -> bytes:
    return fields(
        (2, [fields((4, b"x"), (5, 1)) for _ in range(depth)]), (3, 1), (4, [fields((1, [fields((2, 0))]), (3, 1))])
    )


@pytest.mark.parametrize(
    "footer",
    [
        fields((2, [fields((4, b"s"), (5, 2**31 - 1)), fields((1, 1), (4, b"a"))]), (3, 2**62)),
        nested(1000),
        fields((2, [fields((4, b"s"))] * 20_001)),
        b"\x29\xfc\xff\xff\xff\xff\x0f",
        b"\x1c" * 5000,
        b"\0",
    ],
)
def test_a_footer_that_lies(footer: bytes) -> None:
    """A count of 2^62, a depth of 1000, too many columns, a list longer than the file, structs in structs, nothing."""
    try:
        found = columns.read(of_bytes(parquet({}, footer=footer)))
    except Unreadable:
        return
    assert found.rows == []


def test_an_encrypted_footer_says_so() -> None:
    with pytest.raises(Unreadable, match="encrypted"):
        columns.read(of_bytes(SMALL[:-4] + b"PARE"))


def test_snappy() -> None:
    packed = b"\x0c" + bytes([3 << 2]) + b"abcd" + bytes([(8 - 4) << 2 | 1, 4])
    assert snappy.unpack(packed, 12, 12) == b"abcdabcdabcd"
    assert snappy.unpack(packed, 12, 3).startswith(b"abc")
    for wrong in (b"", b"\x0c", packed[:-1], b"\x0c\x0d\x09", b"\xff\xff\xff\xff\xff\x0f"):
        with pytest.raises(Unreadable):
            snappy.unpack(wrong, 12, 12)
    with pytest.raises(Unreadable, match="more to unpack"):
        snappy.unpack(packed, 11, 11)
