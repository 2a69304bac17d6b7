"""The tags of one type of repo: who has which, and how often each occurs among some of them."""

import heapq
from array import array
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from pioche.names import RepoType
from pioche.search.facets import facet_of
from pioche.search.postings import Postings
from pioche.search.query import Facets, fold_tag

_FEW, _SHARE = 30_000, 8
"""Of so many repos, or of an eighth of all, the tags are fetched and counted; of more, it is counted how many have each of the
frequent tags: the more of them, the sooner it is known which are the most frequent."""
_UNRANKED_MAX = 5_000

Counts = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Numbers of tags, each once, and how often they occur."""


class TagCounts:
    """Filled by `put` ... and `seal`, then changed by `replace`."""

    def __init__(self, repo_type: RepoType) -> None:
        self._type = repo_type
        self._postings = Postings(forward=True)
        self._spellings: dict[str, list[int]] = {}
        self._facet_names: list[str] = []
        self._facets = array("B")  # by a tag's number, the place of its facet in `_facet_names`
        self._ranked: dict[str, list[tuple[int, int]]] = {}
        self._ranked_terms = 0
        self._unranked = 0

    # --- filling ---

    def put(self, repo_id: int, tags: Iterable[str]) -> None:
        """Ids ascend."""
        self._postings.put(repo_id, tags)

    def seal(self) -> None:
        self._postings.seal()
        self._describe()
        self.rank()

    def _describe(self) -> None:
        """Facet and other spellings of the tags that are new."""
        terms = self._postings.terms
        for number in range(len(self._facets), len(terms)):
            term = terms[number]
            facet = facet_of(self._type, term)
            if facet not in self._facet_names:
                self._facet_names.append(facet)
            self._facets.append(self._facet_names.index(facet))
            folded = fold_tag(term)
            if folded != term:
                self._spellings.setdefault(folded, []).append(number)

    def rank(self) -> None:
        """The tags of each facet, the most frequent first."""
        count = self._postings.count
        found: dict[str, list[tuple[int, int]]] = {}
        for number, place in enumerate(self._facets):
            found.setdefault(self._facet_names[place], []).append((count(number), number))
        for listed in found.values():
            listed.sort(reverse=True)
        self._ranked, self._ranked_terms, self._unranked = found, len(self._facets), 0

    # --- reading ---

    def any_of(self, tags: Iterable[str]) -> BitMap:
        """The repos that have one of the tags, which are folded. Not to be changed."""
        found = list[BitMap]()
        for tag in tags:
            found.append(self._postings.of(tag))
            found += [self._postings.at(number) for number in self._spellings.get(tag, ())]
        return found[0] if len(found) == 1 else BitMap.union(*found) if found else BitMap()

    def facets(self, among: BitMap, each: int) -> Facets:
        """Of each facet the `each` most frequent tags of the repos, with their counts; equal ones by name."""
        few = max(_FEW, self._postings.repo_count // _SHARE) if _FEW else 0
        numbers, counts = self._fetched(among) if len(among) <= few else self._intersected(among, each)
        places = np.frombuffer(self._facets, dtype=np.uint8)[numbers]
        found = dict[str, list[tuple[str, int]]]()
        for place in np.unique(places).tolist():
            here = places == place
            found[self._facet_names[place]] = self._foremost(numbers[here], counts[here], each)
        return found

    def _foremost(self, numbers: NDArray[np.int64], counts: NDArray[np.int64], each: int) -> list[tuple[str, int]]:
        """The `each` most frequent; of equal ones, of which there may be thousands, the first by name."""
        terms = self._postings.terms
        least = int(np.partition(counts, len(counts) - each)[len(counts) - each]) if len(counts) > each else 0
        more = counts > least
        found = [
            (-count, terms[number]) for number, count in zip(numbers[more].tolist(), counts[more].tolist(), strict=True)
        ]
        found.sort()
        equal = heapq.nsmallest(each - len(found), [terms[number] for number in numbers[counts == least].tolist()])
        return [*((term, -count) for count, term in found), *((term, least) for term in equal)]

    def _fetched(self, among: BitMap) -> Counts:
        counts = self._postings.counts_of_all(among)
        numbers = np.flatnonzero(counts)
        return numbers, counts[numbers]

    def _intersected(self, among: BitMap, each: int) -> Counts:
        """All tags that may be among the `each` first of their facet: a tag is never more frequent here than in all."""
        found = list[tuple[int, int]]()
        for ranked in self._ranked.values():
            found += self._most_frequent(among, ranked, each)
        for number in range(self._ranked_terms, len(self._facets)):
            if count := among.intersection_cardinality(self._postings.at(number)):
                found.append((number, count))
        both = np.array(found, dtype=np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]

    def _most_frequent(self, among: BitMap, ranked: list[tuple[int, int]], each: int) -> Iterator[tuple[int, int]]:
        best = list[int]()
        least = 0
        for bound, number in ranked:
            if len(best) >= each and bound + self._unranked < least:
                return
            count = among.intersection_cardinality(self._postings.at(number))
            if count:
                yield number, count
                best.append(count)
                if len(best) % each == 0:
                    least = sorted(best, reverse=True)[each - 1]

    # --- changing ---

    def replace(self, repo_id: int, tags: Iterable[str]) -> None:
        """The repo has these tags now; none: it is gone."""
        self._postings.replace(repo_id, tags)
        self._unranked += 1
        if len(self._postings.terms) > len(self._facets):
            self._describe()
        if self._unranked > _UNRANKED_MAX:
            self.rank()
