"""Sort orders: the first repos of a set, by a number, from a position on.

An order is one permutation of the repos of a type, made at once for all. Repos whose number changed since are `dirty`: they
are skipped in it, sorted by themselves and merged, so that an answer is exact at any moment; when they are many, the
permutation is made anew beside the work (`stale`, `snapshot`, `sort`, `replace`).
"""

import bisect
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from pioche.search.plain import UNKNOWN
from pioche.search.postings import Ids, ids_of
from pioche.search.query import NUMBER_MAX

Keys = NDArray[np.int64]
Place = tuple[int, int]
"""(number, id): total, since no two ids are equal."""

_DIRTY_MAX = 2000
_SMALL = 256
"""So few repos are looked at one by one."""
_PROBE_COST = 4
"""How many times more it costs to ask whether one repo is in a set than to fetch the number of one."""
_PATIENCE = 4
_CHUNK = 512


class Order:
    """Ascending by (number, id); `top` walks it in either direction."""

    def __init__(self, ids: Ids, keys: Keys, *, unknown_last: bool = False) -> None:
        """Of the repos `ids`, ascending, by their place in `keys`; `unknown_last`: -1 counts as more than all numbers."""
        self._unknown_last = unknown_last
        self._permutation = sort(ids, self._numbers(ids, keys))
        self._dirty = BitMap()
        self._before: dict[int, int] = {}
        self._since: tuple[BitMap, dict[int, int]] | None = None

    @property
    def stale(self) -> bool:
        return len(self._dirty) > _DIRTY_MAX and self._since is None

    def changed(self, repo_id: int, before: int) -> None:
        """The repo is new, or had the number `before`."""
        before = self._number(before)
        self._dirty.add(repo_id)
        self._before.setdefault(repo_id, before)
        if self._since is not None:
            dirty, earlier = self._since
            dirty.add(repo_id)
            earlier.setdefault(repo_id, before)

    def snapshot(self, ids: Ids, keys: Keys) -> Keys:
        """The numbers as they are now, to be given to `sort` in another thread."""
        self._since = BitMap(), {}
        return self._numbers(ids, keys)

    def replace(self, permutation: Ids) -> None:
        """What `sort` made of the snapshot."""
        self._permutation = permutation
        self._dirty, self._before = self._since or (BitMap(), {})
        self._since = None

    def top(
        self, among: BitMap, keys: Keys, count: int, *, ascending: bool = False, after: Place | None = None
    ) -> list[int]:
        """The ids of the first `count` repos of `among` beyond `after`."""
        size, total = len(among), len(self._permutation)
        if size == 0 or count <= 0:
            return []
        probes = count * max(1, total) // size
        if size <= _SMALL or probes * _PROBE_COST >= size:
            return self._first(among, keys, count, ascending, after)
        walked = self._walk(among, keys, count, ascending, after, probes * _PATIENCE + 2 * _CHUNK)
        if walked is None:  # what is wanted is rare where one began to look
            return self._first(among, keys, count, ascending, after)
        dirty = among & self._dirty
        if not dirty:
            return walked
        rest = self._first(dirty, keys, count, ascending, after)
        return sorted(walked + rest, key=lambda one: (self.number(keys, one), one), reverse=not ascending)[:count]

    def number(self, keys: Keys, repo_id: int) -> int:
        """What the repo is sorted by."""
        return self._number(int(keys[repo_id]))

    def _number(self, key: int) -> int:
        return NUMBER_MAX if self._unknown_last and key == UNKNOWN else key

    def _numbers(self, ids: Ids, keys: Keys) -> Keys:
        numbers = keys[ids]
        return np.where(numbers == UNKNOWN, NUMBER_MAX, numbers) if self._unknown_last else numbers

    def _first(self, among: BitMap, keys: Keys, count: int, ascending: bool, after: Place | None) -> list[int]:
        ids = ids_of(among)
        return first(ids, self._numbers(ids, keys), count, ascending=ascending, after=after)

    def _walk(
        self, among: BitMap, keys: Keys, count: int, ascending: bool, after: Place | None, probes_max: int
    ) -> list[int] | None:
        found, dirty, probes = list[int](), self._dirty, 0
        for chunk in self._chunks(keys, ascending, after):
            found += [one for one in chunk if one in among and one not in dirty]
            if len(found) >= count:
                return found[:count]
            probes += len(chunk)
            if probes > probes_max:
                return None
        return found

    def _chunks(self, keys: Keys, ascending: bool, after: Place | None) -> Iterator[list[int]]:
        permutation = self._permutation
        if ascending:
            start = 0 if after is None else self._position(keys, (after[0], after[1] + 1))
            for begin in range(start, len(permutation), _CHUNK):
                yield permutation[begin : begin + _CHUNK].tolist()
            return
        end = len(permutation) if after is None else self._position(keys, after)
        while end > 0:
            begin = max(0, end - _CHUNK)
            yield permutation[begin:end][::-1].tolist()
            end = begin

    def _position(self, keys: Keys, place: Place) -> int:
        """Of the first repo that is not before `place`, by the numbers as they were when the order was made."""
        permutation, before = self._permutation, self._before

        def at(index: int) -> Place:
            one = int(permutation[index])
            known = before.get(one)
            return (self.number(keys, one) if known is None else known), one

        return bisect.bisect_left(range(len(permutation)), place, key=at)


def sort(ids: Ids, keys: Keys) -> Ids:
    """Ids (ascending) by their numbers, then by themselves."""
    return ids[np.argsort(keys, kind="stable")]


def first(ids: Ids, numbers: Keys, count: int, *, ascending: bool, after: Place | None) -> list[int]:
    """As `Order.top`, of ascending ids with their numbers, by looking at all of them."""
    if after is not None:
        key, last = after
        beyond = numbers > key if ascending else numbers < key
        beyond |= (numbers == key) & (ids > last if ascending else ids < last)
        ids, numbers = ids[beyond], numbers[beyond]
    if len(ids) > count:
        ids, numbers = _foremost(ids, numbers, count, ascending)
    found = np.lexsort((ids, numbers))
    ordered: list[int] = ids[found if ascending else found[::-1]].tolist()
    return ordered


def _foremost(ids: Ids, numbers: Keys, count: int, ascending: bool) -> tuple[Ids, Keys]:
    """Those that come first, in no order; of equal numbers as many as there is room for, by id."""
    kth = count - 1 if ascending else len(numbers) - count
    limit = np.partition(numbers, kth)[kth]
    inside = np.flatnonzero(numbers < limit if ascending else numbers > limit)
    equal = np.flatnonzero(numbers == limit)
    room = count - len(inside)
    chosen = np.concatenate((inside, equal[:room] if ascending else equal[len(equal) - room :]))
    return ids[chosen], numbers[chosen]
