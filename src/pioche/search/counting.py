"""The tags of one type of repo: who has which, and how often each occurs among some of them."""

from collections.abc import Iterable, Iterator

import numpy as np
from pyroaring import BitMap

from pioche.names import RepoType
from pioche.search.facets import facet_of
from pioche.search.postings import Postings
from pioche.search.query import Facets, fold_tag

_FEW, _SHARE = 30_000, 6
"""Of so many repos, or of a sixth of all, the tags are fetched and counted; of more, it is counted how many have each of the
frequent tags: the more of them, the sooner it is known which are the most frequent."""
_UNRANKED_MAX = 5_000

Counts = Iterable[tuple[int, int]]
"""(tag's number, how often)."""


class TagCounts:
    """Filled by `put` ... and `seal`, then changed by `replace`."""

    def __init__(self, repo_type: RepoType) -> None:
        self._type = repo_type
        self._postings = Postings(forward=True)
        self._spellings: dict[str, list[int]] = {}
        self._facets: list[str] = []
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
        few = max(_FEW, self._postings.repo_count // _SHARE) if _FEW else 0
        counts = self._fetched(among) if len(among) <= few else self._intersected(among, each)
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
        counts = np.bincount(self._postings.numbers_of_all(among), minlength=len(self._facets))
        numbers = np.flatnonzero(counts)
        return zip(numbers.tolist(), counts[numbers].tolist(), strict=True)

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
        self._postings.replace(repo_id, tags)
        self._unranked += 1
        if len(self._postings.terms) > len(self._facets):
            self._describe()
        if self._unranked > _UNRANKED_MAX:
            self.rank()
