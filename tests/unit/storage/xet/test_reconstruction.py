"""The rules of xet.md section 8.6, by example and by playing the client."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pioche.errors import RangeNotSatisfiable
from pioche.storage.xet import codec, hashing, shards
from pioche.storage.xet.reconstruction import Fetch, Reconstruction, Term, parse_terms, plan
from pioche.storage.xet.xorbs import ChunkTable
from tests.unit.storage.xet.test_shards import lookup, table_of
from tests.xet_client import File, Xorb, make
from tests.xet_client import Term as SentTerm

ONE = Xorb([make(f"one-{i}", 10 + i) for i in range(10)])
TWO = Xorb([make(f"two-{i}", 7) for i in range(20)])
FILE = File([SentTerm(ONE, 0, 4), SentTerm(TWO, 3, 9), SentTerm(ONE, 2, 6), SentTerm(TWO, 9, 12), SentTerm(ONE, 8, 10)])
TABLES = lookup(ONE, TWO)
BODIES = {ONE.name: ONE.body, TWO.name: TWO.body}
TERMS = [Term(t.xorb.name, t.raw_bytes, t.start, t.end) for t in FILE.terms]
SIZE = len(FILE.data)


def url_of(xorb: bytes, fetches: list[Fetch]) -> str:
    return f"http://hub/{hashing.to_text(xorb)}?n={len(fetches)}"


def rebuilt(answer: Reconstruction, length: int) -> bytes:
    """What a client makes of a v2 answer: it fetches whole ranges, takes its chunks, trims both ends."""
    json = answer.v2(url_of)
    out = b""
    for term in json["terms"]:  # type: ignore[attr-defined]
        entries = json["xorbs"][term["hash"]]  # type: ignore[index]
        (held,) = [
            r
            for entry in entries
            for r in entry["ranges"]
            if r["chunks"]["start"] <= term["range"]["start"] and term["range"]["end"] <= r["chunks"]["end"]
        ]
        stored = BODIES[hashing.from_text(term["hash"])][held["bytes"]["start"] : held["bytes"]["end"] + 1]
        first = held["chunks"]["start"]
        parts = list(codec.decode(stored))[term["range"]["start"] - first : term["range"]["end"] - first]
        assert sum(map(len, parts)) == term["unpacked_length"]
        out += b"".join(parts)
    skip = json["offset_into_first_range"]
    return out[skip : skip + length]  # type: ignore[misc, operator]


def test_whole_file() -> None:
    answer = plan(TERMS, SIZE, TABLES)
    assert answer.skip == 0
    assert answer.terms == TERMS
    assert rebuilt(answer, SIZE) == FILE.data


def test_overlapping_ranges_are_merged_and_touching_ones_are_not() -> None:
    fetches = plan(TERMS, SIZE, TABLES).fetches
    assert [(f.start, f.end) for f in fetches[ONE.name]] == [(0, 6), (8, 10)]
    assert [(f.start, f.end) for f in fetches[TWO.name]] == [(3, 9), (9, 12)]


def test_shapes() -> None:
    answer = plan([TERMS[1]], 42, TABLES)
    term = {"hash": hashing.to_text(TWO.name), "unpacked_length": 42, "range": {"start": 3, "end": 9}}
    chunks, stored, url = (
        {"start": 3, "end": 9},
        {"start": 45, "end": 134},
        url_of(TWO.name, [answer.fetches[TWO.name][0]]),
    )
    assert answer.v1(url_of) == {
        "offset_into_first_range": 0,
        "terms": [term],
        "fetch_info": {term["hash"]: [{"url": url, "range": chunks, "url_range": stored}]},
    }
    assert answer.v2(url_of) == {
        "offset_into_first_range": 0,
        "terms": [term],
        "xorbs": {term["hash"]: [{"url": url, "ranges": [{"chunks": chunks, "bytes": stored}]}]},
    }


@settings(max_examples=300, deadline=None)
@given(st.integers(0, SIZE - 1), st.integers(1, 2 * SIZE))
def test_any_range(begin: int, length: int) -> None:
    answer = plan(TERMS, SIZE, TABLES, begin, begin + length)
    wanted = FILE.data[begin : begin + length]
    assert rebuilt(answer, len(wanted)) == wanted
    covered = sum(t.raw_bytes for t in answer.terms) - answer.skip
    last = answer.terms[-1]
    last_chunk = TABLES(last.xorb).raw_lengths(last.end - 1, last.end)[0]
    assert 0 <= covered - len(wanted) < last_chunk, "no chunk past the end of the range"
    first = answer.terms[0]
    assert 0 <= answer.skip < TABLES(first.xorb).raw_lengths(first.start, first.start + 1)[0]
    for fetches in answer.fetches.values():
        assert all(a.end <= b.start for a, b in itertools.pairwise(fetches))


@pytest.mark.parametrize(("begin", "end"), [(SIZE, SIZE + 1), (SIZE + 9, None), (10**15, 10**16)])
def test_d_xet_past_the_end(begin: int, end: int | None) -> None:
    with pytest.raises(RangeNotSatisfiable):
        plan(TERMS, SIZE, TABLES, begin, end)


def test_far_end_is_clamped() -> None:
    assert plan(TERMS, SIZE, TABLES, 0, 10**15).terms == TERMS


def test_empty_file() -> None:
    assert plan([], 0, TABLES) == Reconstruction(0, [], {})
    with pytest.raises(RangeNotSatisfiable):
        plan([], 0, TABLES, 0, 100)


def test_tables_of_uncut_terms_outside_the_range_are_not_read() -> None:
    seen: list[bytes] = []

    def find(name: bytes) -> ChunkTable:
        seen.append(name)
        return table_of(ONE)

    plan(TERMS, SIZE, find, 0, 5)
    assert set(seen) == {ONE.name}


def test_stored_terms_are_read_back() -> None:
    packed = b"".join(shards.TERM.pack(t.xorb, t.raw_bytes, t.start, t.end) for t in TERMS)
    assert parse_terms(packed) == TERMS
