"""The tags of one type of repo: who has which, and how often each occurs among some of them."""

from array import array
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from pioche.names import RepoType
from pioche.search.facets import facet_of
from pioche.search.postings import Ids, Postings, ids_of
from pioche.search.query import Facets, fold_tag

_FEW = 30_000
"""Of so many repos the tags are fetched and counted; of more, it is counted how many have each of the frequent tags."""
_UNRANKED_MAX = 5_000

Counts = Iterable[tuple[int, int]]
"""(tag's number, how often)."""


class TagCounts:
    """Filled by `put` ... and `seal`, then changed by `replace`."""

    def __init__(self, repo_type: RepoType) -> None:
        self._type = repo_type
        self._postings = Postings()
        self._repos = array("I")
        self._ends = array("I")
        self._flat = array("I")
        self._changed: dict[int, list[int]] = {}
        self._touched = BitMap()
        self._spellings: dict[str, list[int]] = {}
        self._facets: list[str] = []
        self._ranked: dict[str, list[tuple[int, int]]] = {}
        self._ranked_terms = 0
        self._unranked = 0

    # --- filling ---

    def put(self, repo_id: int, tags: Iterable[str]) -> None:
        """Ids ascend."""
        self._flat.extend(self._postings.put(repo_id, tags))
        self._repos.append(repo_id)
        self._ends.append(len(self._flat))

    def seal(self) -> None:
        self._postings.seal()
        self._describe()
        self.rank()

    def _describe(self) -> None:
        """Facet and other spellings of the tags that are new."""
        terms = self._postings.terms
        for number in range(len(self._facets), len(terms)):
            term = terms[number]
            self._facets.append(facet_of(self._type, term))
            folded = fold_tag(term)
            if folded != term:
                self._spellings.setdefault(folded, []).append(number)

    def rank(self) -> None:
        """The tags of each facet, the most frequent first."""
        count = self._postings.count
        found: dict[str, list[tuple[int, int]]] = {}
        for number, facet in enumerate(self._facets):
            found.setdefault(facet, []).append((count(number), number))
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
        counts = self._fetched(among) if len(among) <= _FEW else self._intersected(among, each)
        terms, found = self._postings.terms, dict[str, list[tuple[str, int]]]()
        by_facet = dict[str, list[tuple[int, int]]]()
        for number, count in counts:
            by_facet.setdefault(self._facets[number], []).append((number, count))
        for facet, listed in by_facet.items():
            if len(listed) > each:
                least = sorted((count for _, count in listed), reverse=True)[each - 1]
                listed = [one for one in listed if one[1] >= least]
            named = [(terms[number], count) for number, count in listed]
            found[facet] = sorted(named, key=lambda one: (-one[1], one[0]))[:each]
        return found

    def _fetched(self, among: BitMap) -> Counts:
        counts = np.bincount(self._numbers_of(ids_of(among - self._touched)), minlength=len(self._facets))
        for one in among & self._touched:
            for number in self._changed[one]:
                counts[number] += 1
        numbers = np.flatnonzero(counts)
        return zip(numbers.tolist(), counts[numbers].tolist(), strict=True)

    def _numbers_of(self, ids: Ids) -> NDArray[np.int64]:
        """The tags' numbers of all repos, in a row."""
        if not len(ids) or not len(self._repos):
            return np.zeros(0, dtype=np.int64)
        places = np.searchsorted(np.frombuffer(self._repos, dtype=np.uint32), ids)
        ends = np.frombuffer(self._ends, dtype=np.uint32).astype(np.int64)
        end = ends[places]
        lengths = end - np.where(places > 0, ends[places - 1], 0)
        if not lengths.sum():
            return np.zeros(0, dtype=np.int64)
        into = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        flat = np.frombuffer(self._flat, dtype=np.uint32)
        numbers: NDArray[np.int64] = flat[np.repeat(end - lengths, lengths) + into].astype(np.int64)
        return numbers

    def _intersected(self, among: BitMap, each: int) -> Iterator[tuple[int, int]]:
        """All tags that may be among the `each` first of their facet: a tag is never more frequent here than in all."""
        for ranked in self._ranked.values():
            yield from self._most_frequent(among, ranked, each)
        for number in range(self._ranked_terms, len(self._facets)):
            if count := among.intersection_cardinality(self._postings.at(number)):
                yield number, count

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
        before = self._changed.get(repo_id)
        if before is None:
            before = self._base(repo_id)
        self._postings.discard(repo_id, before)
        self._changed[repo_id] = self._postings.add(repo_id, tags)
        self._touched.add(repo_id)
        self._unranked += 1
        if len(self._postings.terms) > len(self._facets):
            self._describe()
        if self._unranked > _UNRANKED_MAX:
            self.rank()

    def _base(self, repo_id: int) -> list[int]:
        repos = np.frombuffer(self._repos, dtype=np.uint32) if len(self._repos) else np.zeros(0, dtype=np.uint32)
        at = int(np.searchsorted(repos, repo_id))
        if at >= len(repos) or repos[at] != repo_id:
            return []
        return list(self._flat[self._ends[at - 1] if at else 0 : self._ends[at]])
