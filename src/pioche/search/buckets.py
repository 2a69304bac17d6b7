"""Numbers in half octaves, so that those between two bounds are found without looking at all: the repos of the buckets that
lie within, and of the two at the ends those that fit."""

import numpy as np
from pyroaring import BitMap

from pioche.search.orders import Keys
from pioche.search.plain import UNKNOWN
from pioche.search.postings import Ids, bitmap_of, ids_of
from pioche.search.query import NUMBER_MAX, Range

_COUNT = 128


class Buckets:
    """Of one number of repos. `column` has the numbers by row id; -1 is not known, and in no bucket."""

    def __init__(self) -> None:
        self._buckets = [BitMap() for _ in range(_COUNT)]

    def fill(self, ids: Ids, column: Keys) -> None:
        numbers = column[ids]
        ids, numbers = ids[numbers != UNKNOWN], numbers[numbers != UNKNOWN]
        places = np.array([_bucket(number) for number in numbers.tolist()], dtype=np.int64)
        for place in np.unique(places).tolist():
            self._buckets[place] = bitmap_of(ids[places == place])

    def change(self, repo_id: int, before: int, after: int) -> None:
        if before != UNKNOWN:
            self._buckets[_bucket(before)].discard(repo_id)
        if after != UNKNOWN:
            self._buckets[_bucket(after)].add(repo_id)

    def within(self, limits: Range, column: Keys) -> BitMap:
        """The repos whose number is known and between the bounds: a bitmap of its own."""
        least = max(0, limits.least or 0)
        most = NUMBER_MAX if limits.most is None else limits.most
        if least > most:
            return BitMap()
        first, last = _bucket(least), _bucket(most)
        found = BitMap.union(BitMap(), BitMap(), *self._buckets[first + 1 : last])
        for place in {first, last}:
            ids = ids_of(self._buckets[place])
            numbers = column[ids]
            found |= bitmap_of(ids[(numbers >= least) & (numbers <= most)])
        return found


def _bucket(number: int) -> int:
    """Twice the number of binary digits, and one more for the upper half."""
    size = number.bit_length()
    return min(_COUNT - 1, 2 * size + (number >> (size - 2) & 1 if size >= 2 else 0))
