"""Reconstructions: which bytes of which xorbs make a file, or a range of it (xet.md section 8.6).

The clients depend on the rules kept here: whole chunks that cover the range and no term past it; each term inside
exactly one fetched range of its xorb; fetched ranges of a xorb disjoint.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

from pioche.errors import RangeNotSatisfiable
from pioche.storage.xet.hashing import to_text
from pioche.storage.xet.shards import TERM
from pioche.storage.xet.xorbs import ChunkTable


class Term(NamedTuple):
    """Chunks [start, end) of a xorb, which are `raw_bytes` of the file."""

    xorb: bytes
    raw_bytes: int
    start: int
    end: int


class Fetch(NamedTuple):
    """Chunks [start, end) of a xorb and where they lie in its stored bytes, [stored_start, stored_end)."""

    start: int
    end: int
    stored_start: int
    stored_end: int


FETCHES_PER_URL = 200
"""More ranges of one xorb go under several addresses, each short enough to be sent."""

Span = TypedDict("Span", {"start": int, "end": int})  # noqa: UP013 - read as the JSON that it is
UrlOf = Callable[[bytes, list[Fetch]], str]
"""Signs: the absolute URL under which any member of these ranges of the xorb may be fetched for a while."""


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """`skip` bytes at the start of the first term come before the range that was asked for."""

    skip: int
    terms: list[Term]
    fetches: dict[bytes, list[Fetch]]

    def v1(self, url_of: UrlOf, *, per_url: int = FETCHES_PER_URL) -> dict[str, object]:
        """The JSON of `/v1/reconstructions/`; `per_url` ranges at most go under one address."""
        info: dict[str, list[dict[str, object]]] = {}
        for xorb, fetches in self._addresses(per_url):
            url = url_of(xorb, fetches)
            for f in fetches:
                part: dict[str, object] = {"url": url, "range": _chunks(f), "url_range": _bytes(f)}
                info.setdefault(to_text(xorb), []).append(part)
        return {"offset_into_first_range": self.skip, "terms": self._terms(), "fetch_info": info}

    def v2(self, url_of: UrlOf, *, per_url: int = FETCHES_PER_URL) -> dict[str, object]:
        """The JSON of `/v2/reconstructions/`."""
        xorbs: dict[str, list[dict[str, object]]] = {}
        for xorb, fetches in self._addresses(per_url):
            ranges = [{"chunks": _chunks(f), "bytes": _bytes(f)} for f in fetches]
            xorbs.setdefault(to_text(xorb), []).append({"url": url_of(xorb, fetches), "ranges": ranges})
        return {"offset_into_first_range": self.skip, "terms": self._terms(), "xorbs": xorbs}

    def _addresses(self, per_url: int) -> Iterator[tuple[bytes, list[Fetch]]]:
        """Each xorb with the ranges that go under one address."""
        for xorb, fetches in self.fetches.items():
            for at in range(0, len(fetches), per_url):
                yield xorb, fetches[at : at + per_url]

    def _terms(self) -> list[dict[str, object]]:
        return [
            {"hash": to_text(t.xorb), "unpacked_length": t.raw_bytes, "range": {"start": t.start, "end": t.end}}
            for t in self.terms
        ]


def _chunks(fetch: Fetch) -> Span:
    return {"start": fetch.start, "end": fetch.end}


def _bytes(fetch: Fetch) -> Span:
    """Inclusive, as in a Range header; chunk ranges are not."""
    return {"start": fetch.stored_start, "end": fetch.stored_end - 1}


def parse_terms(packed: bytes) -> list[Term]:
    """The terms of a stored file, in order."""
    return [Term(*fields) for fields in TERM.iter_unpack(packed)]


def plan(
    terms: list[Term], size: int, tables: Callable[[bytes], ChunkTable], begin: int = 0, end: int | None = None
) -> Reconstruction:
    """How to build raw bytes [begin, end) of a file of `size` bytes; an `end` beyond the file is clamped.

    Raises RangeNotSatisfiable for a `begin` at or past the end, which clients read as the end of the file.
    """
    stop = size if end is None else min(end, size)
    if begin >= stop and not (begin == 0 and end is None):
        raise RangeNotSatisfiable(size)
    kept: list[Term] = []
    skip = at = 0
    for term in terms:
        after = at + term.raw_bytes
        if at >= stop:
            break
        if after > begin:
            cut, before = _cut(term, tables, max(begin - at, 0), min(stop - at, term.raw_bytes))
            skip = skip if kept else begin - at - before
            kept.append(cut)
        at = after
    return Reconstruction(skip, kept, _merge(kept, tables))


def _cut(term: Term, tables: Callable[[bytes], ChunkTable], begin: int, end: int) -> tuple[Term, int]:
    """The term without the chunks outside its raw bytes [begin, end), and how many bytes went at the front."""
    if begin == 0 and end == term.raw_bytes:
        return term, 0
    table = tables(term.xorb)
    base = table.raw_start(term.start)
    first = table.index_at(base + begin)
    after = table.index_at(base + end - 1) + 1
    front = table.raw_start(first)
    return Term(term.xorb, table.raw_start(after) - front, first, after), front - base


def _merge(terms: list[Term], tables: Callable[[bytes], ChunkTable]) -> dict[bytes, list[Fetch]]:
    """Per xorb, the chunk ranges of its terms; those that overlap become one."""
    wanted: dict[bytes, list[tuple[int, int]]] = {}
    for term in terms:
        wanted.setdefault(term.xorb, []).append((term.start, term.end))
    return {xorb: _fetches(tables(xorb), spans) for xorb, spans in wanted.items()}


def _fetches(table: ChunkTable, spans: list[tuple[int, int]]) -> list[Fetch]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return [Fetch(start, end, table.stored_start(start), table.stored_start(end)) for start, end in merged]
