"""Chunks are cut where every client cuts them: the vectors of the specification (xet.md section 12), and plain Python."""

import hashlib
import random
import struct
from collections.abc import Iterator

import pytest

from pioche.storage.xet import chunking
from tests.xet_client import GEAR, chunk, make

pytest.importorskip("numba")


def pieces(data: bytes, sizes: tuple[int, ...], seed: int = 1) -> Iterator[bytes]:
    dice, start = random.Random(seed), 0
    while start < len(data):
        size = dice.choice(sizes)
        yield data[start : start + size]
        start += size


def lengths(data: bytes) -> list[int]:
    return [len(part) for part in chunking.chunks(pieces(data, (1 << 20,)))]


def test_the_table_is_the_one_that_clients_have() -> None:
    digest = hashlib.sha256(b"".join(struct.pack("<Q", number) for number in chunking.gear())).hexdigest()
    assert digest == "e1d3936666d7ae7a977c958e9afcc75f90aaca758ce5fbe4ece61dffefe1912c"
    assert chunking.gear() == GEAR


def test_vectors() -> None:
    found = [131072, 9559, 116041, 131072, 14823, 76276, 29608, 54022, 40419, 56680, 131072, 105874, 103482]
    data = make("xet-a", 1_000_000)
    assert lengths(data) == found
    assert lengths(data[:500_000] + make("xet-c", 1000) + data[500_000:]) == [*found[:6], 30608, *found[7:]]
    assert lengths(bytes(1_000_000)) == [131072] * 7 + [82496]
    assert lengths(bytes(range(256)) * 4000) == [131072] * 7 + [106496]
    assert [lengths(make("xet-a", size)) for size in (0, 1, 8191, 8192, 131072)] == [[], [1], [8191], [8192], [131072]]
    long = lengths(make("xet-b", 10_000_000))
    assert (len(long), long[:6]) == (165, [38571, 10589, 35757, 122512, 103246, 16674])


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 255, 256, 257, 8191, 8193, 70_001, 131_071, 131_073, 400_003])
@pytest.mark.parametrize("sizes", [(1, 100, 9000), (1 << 20,)], ids=["small", "large"])
def test_pieces_of_any_size_make_the_same_chunks(size: int, sizes: tuple[int, ...]) -> None:
    data = make(f"pieces {size}", size)
    assert [bytes(part) for part in chunking.chunks(pieces(data, sizes, size))] == chunk(data)


def test_chunks_go_over_the_ends_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunking, "_BLOCK_BYTES", 200_000)
    data = make("blocks", 1_500_000)
    assert [bytes(part) for part in chunking.chunks(pieces(data, (130_017,)))] == chunk(data)


def test_content_that_may_be_cut_anywhere_is_cut_at_the_least_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """More places than were expected: content made against the table, here by a table of zeros."""
    chunking._compiled.cache_clear()
    monkeypatch.setattr(chunking, "gear", lambda: [0] * 256)
    try:
        assert lengths(make("hostile", 100_000)) == [8192] * 12 + [100_000 - 12 * 8192]
    finally:
        chunking._compiled.cache_clear()
