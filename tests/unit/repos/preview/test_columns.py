"""Parquet: what is shown, and what lies."""

import datetime

import pyarrow as pa
import pytest

from pioche.repos.preview import columns
from pioche.repos.preview.spans import Unreadable, of_bytes
from tests.binary_files import parquet

SMALL = parquet({"n": [1, -2, None], "t": ["é", "<b>", ""], "raw": [b"\0\1", b"", b"x"]})


def test_columns_and_first_rows() -> None:
    found = columns.read(of_bytes(SMALL))
    assert (found.count, found.row_groups, found.problem) == (3, 1, "")
    assert [(column.path, column.type) for column in found.columns] == [
        ("n", "int64"),
        ("t", "string"),
        ("raw", "byte_array"),
    ]
    assert found.names == [("n", "int64"), ("t", "string"), ("raw", "binary")]
    assert found.rows == [["1", "é", "‹2 bytes›"], ["-2", "<b>", "‹0 bytes›"], [None, "", "‹1 bytes›"]]


def test_only_the_first_rows_are_read() -> None:
    found = columns.read(of_bytes(parquet({"n": list(range(9000))})))
    assert [row[0] for row in found.rows] == [str(number) for number in range(columns.ROWS_SHOWN)]


def test_values_of_every_kind_are_texts() -> None:
    moment = datetime.datetime(2026, 11, 22, 9, 30, tzinfo=datetime.UTC)
    found = columns.read(
        of_bytes(
            parquet(
                {
                    "list": [list(range(60))],
                    "struct": [{"a": 1, "b": [None, "x"]}],
                    "when": pa.array([moment], pa.timestamp("ns", "Europe/Paris")),
                    "far": pa.array([2**50], pa.timestamp("ms")),
                    "price": pa.array([12345678901234567890], pa.decimal128(38, 4)),
                    "label": pa.array(["yes"]).dictionary_encode(),
                    "long": ["x" * 1000],
                    "none": [None],
                }
            )
        )
    )
    assert found.problem == ""
    cells = dict(zip([name for name, _ in found.names], found.rows[0], strict=True))
    assert str(cells["list"]).endswith("49, …]")
    assert cells["struct"] == "{a: 1, b: [null, x]}"
    assert str(cells["when"]).startswith("2026-11-22 ")
    assert cells["price"] == "12345678901234567890.0000"
    assert cells["label"] == "yes"
    assert len(str(cells["long"])) == 301
    assert cells["none"] is None


@pytest.mark.parametrize("codec", ["none", "gzip", "brotli", "lz4", "zstd"])
def test_ways_of_packing(codec: str) -> None:
    found = columns.read(of_bytes(parquet({"n": [1]}, codec)))
    assert found.rows == [["1"]]


@pytest.mark.parametrize("size", range(0, len(SMALL), 97))
def test_cut_short_anywhere_it_is_unreadable(size: int) -> None:
    with pytest.raises(Unreadable):
        columns.read(of_bytes(SMALL[:size]))


def test_an_encrypted_footer_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        columns.read(of_bytes(SMALL[:-4] + b"PARE"))
