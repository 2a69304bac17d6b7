"""ONNX: what is shown, and what lies."""

import random

import pytest

from pioche.repos.preview import graphs
from pioche.repos.preview.graphs import Value
from pioche.repos.preview.spans import Span, Unreadable, of_bytes
from tests.binary_files import message, onnx


def test_what_it_takes_and_gives_and_its_operators() -> None:
    found = graphs.read(of_bytes(onnx()))
    assert found.inputs == [Value("x", "float32", "batch × 3")], "w has a value in the file"
    assert found.outputs == [Value("y", "float16", "")]
    assert found.operators == [("Relu", 2), ("Conv", 1)]
    assert (found.producer, found.ir_version, found.name, found.opsets) == ("pytorch 2.4", 9, "net", [("ai.onnx", 17)])
    assert (found.nodes, found.initializers, found.parameters) == (3, 1, 100)
    assert found.metadata == [("a", "b")]
    assert not found.has_external_data
    assert not found.is_cut


def test_weights_are_passed_over_and_other_files_never_read() -> None:
    fetched = list[int]()
    data = onnx(weights=10_000_000, external="../../etc/passwd")

    def fetch(start: int, end: int) -> bytes:
        fetched.append(end - start)
        return data[start:end]

    found = graphs.read(Span(fetch, len(data), block=8192))
    assert found.outputs
    assert found.has_external_data
    assert sum(fetched) < 100_000


def test_cut_short_it_shows_what_was_read_or_nothing() -> None:
    data = onnx()
    for size in range(0, len(data) - 1, 3):
        try:
            assert graphs.read(of_bytes(data[:size])).is_cut
        except Unreadable:
            continue


def test_flipped_bits() -> None:
    chance, data = random.Random(3), onnx()
    for _ in range(500):
        wrong = bytearray(data)
        wrong[chance.randrange(len(wrong))] ^= 1 << chance.randrange(8)
        try:
            graphs.read(of_bytes(bytes(wrong)))
        except Unreadable:
            continue


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"\xff" * 100,
        b"text of some length, which is no model",
        message((7, b"\x0a" * 50)),
        b"\x3a\xff\xff\xff\xff\x0f",
    ],
)
def test_what_is_no_model(data: bytes) -> None:
    with pytest.raises(Unreadable):
        graphs.read(of_bytes(data))


def test_more_parts_than_are_looked_through() -> None:
    data = message((1, 9), (7, message((1, message((4, "Add")))) + b"\x10\x01" * 210_000))
    assert graphs.read(of_bytes(data, reads_max=5_000_000)).is_cut
