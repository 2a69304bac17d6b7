"""Which repos have which term: bitmaps of row ids for common terms, slices of one array for the many rare ones."""

from array import array
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

Ids = NDArray[np.uint32]

_KEPT_FROM = 128
"""Terms with so many repos have their bitmap made at once; of others it is made when it is asked for."""
_GATHERED = 1 << 13
"""Of so many repos at once the terms are gathered."""
_FEW = 300
"""So many bitmaps are united one by one; more, by their slices."""
_SORTED_SHIFT = 6
"""Up to one in 64 of the ids that there may be, to sort them takes less than to look at all flags."""


def bitmap_of(ids: Ids) -> BitMap:
    """From ascending ids, of which some may be there twice: by way of `array`, which the library takes over in one piece."""
    found = array("I")
    found.frombytes(np.ascontiguousarray(ids, dtype=np.uint32).tobytes())
    return BitMap(found)


def ids_of(bitmap: BitMap) -> Ids:
    """Ascending."""
    return np.frombuffer(bitmap.to_array(), dtype=np.uint32)


class _Numbers(dict[str, int]):
    """The number of a term, the next one for a term that is new."""

    def __missing__(self, term: str) -> int:
        number = self[term] = len(self)
        return number


class Postings:
    """Filled by `put` ... and `seal`; from then on changed by `add` and `discard`."""

    def __init__(self, *, forward: bool = False) -> None:
        """`forward`: it is also kept which terms a repo has (`numbers_of`), and `replace` may be used."""
        self.terms: list[str] = []
        """By number. A term keeps its number, and may have no repos left."""
        self._numbers = _Numbers()
        self._changed: dict[int, BitMap] = {}
        self._touched = set[int]()
        # Of the rare ones, as they were put: where the slice of each begins, and the repos.
        self._starts: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
        self._ids: Ids = np.zeros(0, dtype=np.uint32)
        self._kept: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._is_forward = forward
        self._replaced: dict[int, list[int]] = {}
        self._places: NDArray[np.int32] | None = None
        # As they were put: the repos, where the terms of each end, and the terms.
        self._put_repos = array("I")
        self._put_ends = array("I")
        self._put_numbers = array("I")

    # --- filling ---

    def put(self, repo_id: int, terms: Iterable[str]) -> None:
        """Before `seal`; ids ascend."""
        numbers = self._numbers
        self._put_numbers.extend([numbers[term] for term in terms])
        self._put_repos.append(repo_id)
        self._put_ends.append(len(self._put_numbers))

    def seal(self) -> None:
        """Sorts what was put: by term, then by repo."""
        self._name()
        ends = np.concatenate((np.zeros(1, dtype=np.int64), _array(self._put_ends).astype(np.int64)))
        numbers = self._put_numbers
        pairs = _array(numbers).astype(np.uint64)
        pairs <<= np.uint64(32)
        pairs |= np.repeat(_array(self._put_repos), ends[1:] - ends[:-1])
        if not self._is_forward:
            self._put_numbers, self._put_repos, self._put_ends = array("I"), array("I"), array("I")
        counts = np.bincount(_array(numbers), minlength=len(self.terms))
        pairs.sort()
        self._ids = pairs.astype(np.uint32)  # the lower half
        del pairs
        self._starts = _starts(counts)
        self._kept = np.flatnonzero(counts >= _KEPT_FROM)
        for number in self._kept.tolist():
            self._changed[number] = bitmap_of(self._slice(number))
        # What has a bitmap needs no slice.
        is_rare = counts < _KEPT_FROM
        self._ids, self._starts = self._ids[np.repeat(is_rare, counts)], _starts(np.where(is_rare, counts, 0))

    @property
    def repo_count(self) -> int:
        """How many repos were put, where that is kept (`forward`)."""
        return len(self._put_repos)

    def _name(self) -> None:
        """The terms that are new since."""
        more = len(self._numbers) - len(self.terms)
        if more:  # the order of a dictionary is that in which its keys came
            self.terms += list(islice(reversed(self._numbers), more))[::-1]

    # --- reading ---

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
        """The repos that have any of the terms: a bitmap of its own. `capacity` is above all ids."""
        if not numbers:
            return BitMap()
        if len(numbers) == 1:
            return self.at(numbers[0]).copy()
        if len(numbers) <= _FEW:
            return BitMap.union(*map(self.at, numbers))
        wanted = np.zeros(len(self.terms), dtype=np.bool_)
        wanted[np.array(numbers, dtype=np.int64)] = True
        return self.union_of(wanted, capacity)

    def union_of(self, wanted: NDArray[np.bool_], capacity: int) -> BitMap:
        """As `union`, of many terms: `wanted` says of each, by its number, whether it is one of them."""
        touched = np.fromiter(self._touched, dtype=np.int64, count=len(self._touched))
        touched = touched[wanted[touched]]
        rare = wanted[: len(self._starts) - 1].copy()
        rare[touched[touched < len(rare)]] = False
        parts = [self._slices(np.flatnonzero(rare))]
        parts += [ids_of(self._changed[one]) for one in np.setdiff1d(touched, self._kept, assume_unique=True).tolist()]
        found = BitMap.union(BitMap(), BitMap(), *map(self.at, self._kept[wanted[self._kept]].tolist()))
        found |= bitmap_of(_ascending(np.concatenate(parts), capacity))
        return found

    def _slices(self, numbers: NDArray[np.int64]) -> Ids:
        """The slices of several terms, one after the other: what else there is costs nothing."""
        start, end = self._starts[numbers], self._starts[numbers + 1]
        return self._ids[_ranges(start, end)]

    def _slice(self, number: int) -> Ids:
        if number + 1 >= len(self._starts):
            return self._ids[:0]
        return self._ids[self._starts[number] : self._starts[number + 1]]

    # --- reading forward ---

    def numbers_of(self, repo_id: int) -> list[int]:
        """The terms of one repo."""
        found = self._replaced.get(repo_id)
        if found is not None:
            return found
        repos = _array(self._put_repos)
        at = int(np.searchsorted(repos, np.uint32(repo_id)))  # another type, and all are converted
        if at >= len(repos) or repos[at] != repo_id:
            return []
        return list(self._put_numbers[self._put_ends[at - 1] if at else 0 : self._put_ends[at]])

    def counts_of_all(self, repos: BitMap) -> NDArray[np.int64]:
        """By a term's number, how many of the repos have it."""
        replaced = [one for one in self._replaced if one in repos]
        ids = ids_of(repos - BitMap(replaced) if replaced else repos)
        found: NDArray[np.int64] = np.zeros(len(self.terms), dtype=np.int64)
        for start in range(0, len(ids), _GATHERED):  # a part that the processor's caches hold takes half as long
            found += np.bincount(self._flat(ids[start : start + _GATHERED]), minlength=len(found))
        for one in replaced:
            found[self._replaced[one]] += 1
        return found

    def _flat(self, ids: Ids) -> NDArray[np.uint32]:
        """The terms of several repos as they were put, in a row."""
        places = self._places_of(ids)
        ends = _array(self._put_ends)
        end = ends[places].astype(np.int64)
        start = np.where(places > 0, ends[places - 1], 0).astype(np.int64)
        numbers: NDArray[np.uint32] = _array(self._put_numbers)[_ranges(start, end)]
        return numbers

    def _places_of(self, ids: Ids) -> NDArray[np.int64]:
        """Where among the repos as they were put those of `ids` are that are there."""
        known = _array(self._put_repos)
        if not len(known):
            return np.zeros(0, dtype=np.int64)
        if len(ids) < _FEW:
            places = np.searchsorted(known, ids)
            places = np.minimum(places, len(known) - 1)
            found: NDArray[np.int64] = places[known[places] == ids]
            return found
        if self._places is None:
            self._places = np.full(int(known[-1]) + 1, -1, dtype=np.int32)
            self._places[known] = np.arange(len(known), dtype=np.int32)
        dense = self._places[ids[ids < len(self._places)]].astype(np.int64)
        return dense[dense >= 0]

    # --- changing ---

    def add(self, repo_id: int, terms: Iterable[str]) -> list[int]:
        """Returns the terms' numbers."""
        found = [self._numbers[term] for term in terms]
        self._name()
        for number in found:
            self._own(number).add(repo_id)
        return found

    def discard_terms(self, repo_id: int, terms: Iterable[str]) -> None:
        for term in terms:
            if term in self._numbers:
                self._own(self._numbers[term]).discard(repo_id)

    def replace(self, repo_id: int, terms: Iterable[str]) -> None:
        """The repo has these terms and no others. Needs `forward`. Costs next to nothing when it had these before."""
        before, terms = self.numbers_of(repo_id), list(terms)
        if sorted(self._numbers.get(term, -1) for term in terms) == sorted(before):
            return
        for number in before:
            self._own(number).discard(repo_id)
        self._replaced[repo_id] = self.add(repo_id, terms)

    def _own(self, number: int) -> BitMap:
        self._touched.add(number)
        found = self._changed.get(number)
        if found is None:
            found = self._changed[number] = bitmap_of(self._slice(number))
        return found


def _ranges(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers from each start up to its end, in a row."""
    has_some = end > start
    if not has_some.all():
        start, end = start[has_some], end[has_some]
    if not len(start):
        return np.zeros(0, dtype=np.int64)
    # Every number is one further than the one before, but for the first ones.
    lengths = end - start
    steps = np.ones(int(lengths.sum()), dtype=np.int64)
    steps[0] = start[0]
    steps[np.cumsum(lengths)[:-1]] = start[1:] - end[:-1] + 1
    return np.cumsum(steps)


def _ascending(ids: Ids, capacity: int) -> Ids:
    """For `bitmap_of`. Many are marked in an array of flags, which is as long as all repos; few are sorted."""
    if len(ids) < capacity >> _SORTED_SHIFT:
        return np.sort(ids)
    flags = np.zeros(capacity, dtype=np.bool_)
    flags[ids] = True
    return np.flatnonzero(flags).astype(np.uint32)


def _starts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where slices of these lengths begin, and where the last one ends."""
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)))


def _array(numbers: "array[int]") -> Ids:
    return np.frombuffer(numbers, dtype=np.uint32) if len(numbers) else np.zeros(0, dtype=np.uint32)
