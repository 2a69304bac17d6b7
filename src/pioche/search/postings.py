"""Which repos have which term: bitmaps of row ids for common terms, slices of one array for the many rare ones."""

from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

Ids = NDArray[np.uint32]

_KEPT_FROM = 128
"""Terms with so many repos have their bitmap made at once; of others it is made when it is asked for."""
_FEW = 300
"""So many bitmaps are united one by one; more, over an array of flags."""


def bitmap_of(ids: Ids) -> BitMap:
    """From ascending ids: by way of `array`, which the library takes over in one piece."""
    found = array("I")
    found.frombytes(np.ascontiguousarray(ids, dtype=np.uint32).tobytes())
    return BitMap(found)


def ids_of(bitmap: BitMap) -> Ids:
    """Ascending."""
    return np.frombuffer(bitmap.to_array(), dtype=np.uint32)


class Postings:
    """Filled by `begin`, `put` ... and `seal`; from then on changed by `add` and `discard`."""

    def __init__(self) -> None:
        self.terms: list[str] = []
        """By number. A term keeps its number, and may have no repos left."""
        self._numbers: dict[str, int] = {}
        self._changed: dict[int, BitMap] = {}
        self._starts: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
        self._ids: Ids = np.zeros(0, dtype=np.uint32)
        self._pairs = array("Q")

    # --- filling ---

    def put(self, repo_id: int, terms: Iterable[str]) -> list[int]:
        """Before `seal`; returns the terms' numbers."""
        numbers, found = self._numbers, list[int]()
        for term in terms:
            number = numbers.get(term)
            if number is None:
                number = self._number(term)
            found.append(number)
            self._pairs.append(number << 32 | repo_id)
        return found

    def seal(self) -> None:
        """Sorts what was put: by term, then by repo."""
        pairs = np.frombuffer(self._pairs, dtype=np.uint64).copy() if len(self._pairs) else np.zeros(0, dtype=np.uint64)
        self._pairs = array("Q")
        pairs.sort()
        self._ids = pairs.astype(np.uint32)  # the lower half
        pairs >>= np.uint64(32)
        counts = np.bincount(pairs.astype(np.int64), minlength=len(self.terms))
        self._starts = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)))
        for number in np.flatnonzero(counts >= _KEPT_FROM).tolist():
            self._changed[number] = bitmap_of(self._slice(number))

    def _number(self, term: str) -> int:
        number = self._numbers[term] = len(self.terms)
        self.terms.append(term)
        return number

    # --- reading ---

    def number(self, term: str) -> int | None:
        return self._numbers.get(term)

    def of(self, term: str) -> BitMap:
        """The repos that have the term. Not to be changed."""
        number = self._numbers.get(term)
        return self.at(number) if number is not None else BitMap()

    def at(self, number: int) -> BitMap:
        """As `of`, by the term's number."""
        found = self._changed.get(number)
        return found if found is not None else bitmap_of(self._slice(number))

    def count(self, number: int) -> int:
        found = self._changed.get(number)
        return len(found) if found is not None else len(self._slice(number))

    def union(self, numbers: Sequence[int], capacity: int) -> BitMap:
        """The repos that have any of the terms. `capacity` is above all ids."""
        if not numbers:
            return BitMap()
        if len(numbers) <= _FEW:
            return BitMap.union(*map(self.at, numbers)) if len(numbers) > 1 else self.at(numbers[0]).copy()
        flags = np.zeros(capacity, dtype=np.bool_)
        for number in numbers:
            found = self._changed.get(number)
            flags[ids_of(found) if found is not None else self._slice(number)] = True
        return bitmap_of(np.flatnonzero(flags).astype(np.uint32))

    def _slice(self, number: int) -> Ids:
        if number + 1 >= len(self._starts):
            return self._ids[:0]
        return self._ids[self._starts[number] : self._starts[number + 1]]

    # --- changing ---

    def add(self, repo_id: int, terms: Iterable[str]) -> list[int]:
        """Returns the terms' numbers."""
        found = list[int]()
        for term in terms:
            number = self._numbers.get(term)
            if number is None:
                number = self._number(term)
            self._own(number).add(repo_id)
            found.append(number)
        return found

    def discard(self, repo_id: int, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._own(number).discard(repo_id)

    def discard_terms(self, repo_id: int, terms: Iterable[str]) -> None:
        self.discard(repo_id, (self._numbers[term] for term in terms if term in self._numbers))

    def _own(self, number: int) -> BitMap:
        found = self._changed.get(number)
        if found is None:
            found = self._changed[number] = bitmap_of(self._slice(number))
        return found
