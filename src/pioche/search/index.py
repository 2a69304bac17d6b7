"""The index: every repo's name, tags and numbers in memory, as bitmaps and sort orders (decision 17).

For one thread. `put` ... and `seal` fill it; then `replace` keeps it true, one repo at a time, and every answer is exact for
what it was told. Row ids are the numbers of the bitmaps, so that places in an order mean the same here and in SQL.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from pioche.names import LISTED, RepoType
from pioche.search import orders
from pioche.search.buckets import Buckets
from pioche.search.counting import TagCounts
from pioche.search.naming import Names
from pioche.search.orders import Order
from pioche.search.plain import UNKNOWN, Row, Scope
from pioche.search.postings import Ids, Postings, bitmap_of, ids_of
from pioche.search.query import (
    Facets,
    Found,
    Position,
    Query,
    Sort,
    decode_cursor,
    encode_cursor,
    fold,
    fold_tag,
)

TYPES = LISTED
_OPEN = {Sort.PARAMETERS, Sort.ROWS}
"""Numbers that are not known of every repo: those come last in both directions."""
_SORTS = (Sort.TRENDING, Sort.DOWNLOADS, Sort.LIKES, Sort.CREATED, Sort.MODIFIED, Sort.PARAMETERS, Sort.ROWS)
_OWNED = {Sort.PARAMETERS: RepoType.MODEL, Sort.ROWS: RepoType.DATASET}
"""Numbers that one type has."""
_RANGED = (Sort.PARAMETERS, Sort.ROWS)
"""Numbers that queries ask for from one to another."""
_KINDS = {repo_type: number for number, repo_type in enumerate(TYPES, start=1)}
_PRIVATE, _GATED = 1, 2
_CLASS_SHIFT = 48
_TRENDING_MAX = 2**_CLASS_SHIFT - 1

_OWNER, _TASK, _PROVIDER, _MODEL, _DATASET, _LINKED = "o:", "t:", "p:", "m:", "d:", "linked"

_KeyOf = Callable[[int], int]


@dataclass
class Types:
    """The repos of one type: all, the public ones, and the private ones by audience (`accounts.audiences`)."""

    every: BitMap = field(default_factory=BitMap)
    public: BitMap = field(default_factory=BitMap)
    private: dict[int, BitMap] = field(default_factory=dict)
    gated: BitMap = field(default_factory=BitMap)
    orders: dict[tuple[Sort, bool], Order] = field(default_factory=dict)


class Index:
    """`find` and `facets` answer for a scope: what a caller may see decides before anything is counted or ordered."""

    def __init__(self, capacity: int = 1024) -> None:
        """`capacity`: the largest row id, about."""
        self._types = {repo_type: Types() for repo_type in TYPES}
        self._kinds: NDArray[np.int8] = np.zeros(capacity + 1, dtype=np.int8)
        self._audiences: NDArray[np.int64] = np.zeros(capacity + 1, dtype=np.int64)
        self._keys = {sort: np.full(capacity + 1, UNKNOWN, dtype=np.int64) for sort in _SORTS}
        self._names = Names()
        self._links = Postings(forward=True)
        self._put = array("q")
        """Of each repo as it was put: id, kind, guards, audience, and the numbers of `_SORTS`."""
        self._tags = {repo_type: TagCounts(repo_type) for repo_type in TYPES}
        self._ranges = {sort: Buckets() for sort in _RANGED}
        self.version = 0
        """Another one after each change of what is found: not of numbers alone."""
        self.withdrawn = 0
        """Another one after each change by which somebody sees less."""

    # --- filling ---

    def put(self, row: Row) -> None:
        """Before `seal`; ids ascend."""
        guards = (_PRIVATE if row.private else 0) | (_GATED if row.gated else 0)
        self._put.extend((row.id, _KINDS[row.type], guards, row.audience, *_numbers(row)))
        name = fold_tag(row.full_name)
        self._names.put(row.id, name)
        self._links.put(row.id, _links(row, name))
        self._tags[row.type].put(row.id, row.tags)

    def seal(self) -> None:
        put, kinds, guards, audiences, *numbers = np.array(self._put, dtype=np.int64).reshape(-1, 4 + len(_SORTS)).T
        self._put = array("q")
        ids = put.astype(np.uint32)
        if len(ids):
            self._reserve(int(ids[-1]))
        self._kinds[ids], self._audiences[ids] = kinds, audiences
        for column, of_sort in zip(self._keys.values(), numbers, strict=True):
            column[ids] = of_sort
        for sort, buckets in self._ranges.items():
            buckets.fill(ids, self._keys[sort])
        for repo_type, group in self._types.items():
            mine = kinds == _KINDS[repo_type]
            self._seal_type(repo_type, group, ids[mine], guards[mine])
        self._names.seal()
        self._links.seal()
        for tags in self._tags.values():
            tags.seal()

    def _seal_type(self, repo_type: RepoType, group: Types, ids: Ids, guards: NDArray[np.int64]) -> None:
        group.every = bitmap_of(ids)
        group.public = bitmap_of(ids[(guards & _PRIVATE) == 0])
        group.gated = bitmap_of(ids[(guards & _GATED) != 0])
        for one in ids[(guards & _PRIVATE) != 0].tolist():
            group.private.setdefault(int(self._audiences[one]), BitMap()).add(one)
        for sort in _SORTS:
            if _OWNED.get(sort, repo_type) is repo_type:
                for ascending in (False, True) if sort in _OPEN else (False,):
                    group.orders[sort, ascending] = Order(ids, self._keys[sort], unknown_last=ascending)

    def warm(self) -> Iterator[None]:
        """Step by step, what is asked for often and takes long the first time: some milliseconds each."""
        return self._names.warm()

    def __len__(self) -> int:
        return sum(len(group.every) for group in self._types.values())

    def _reserve(self, repo_id: int) -> None:
        size = len(self._kinds)
        if repo_id < size:
            return
        more = max(repo_id + 1, size + size // 4) - size
        self._kinds = np.concatenate((self._kinds, np.zeros(more, dtype=np.int8)))
        self._audiences = np.concatenate((self._audiences, np.zeros(more, dtype=np.int64)))
        for sort, column in self._keys.items():
            self._keys[sort] = np.concatenate((column, np.full(more, UNKNOWN, dtype=np.int64)))

    def _admit(self, row: Row) -> None:
        group = self._types[row.type]
        self._kinds[row.id] = _KINDS[row.type]
        self._audiences[row.id] = row.audience
        group.every.add(row.id)
        (group.private.setdefault(row.audience, BitMap()) if row.private else group.public).add(row.id)
        if row.gated:
            group.gated.add(row.id)
        self._write_numbers(row)

    def _write_numbers(self, row: Row) -> None:
        for sort, number in zip(_SORTS, _numbers(row), strict=True):
            self._keys[sort][row.id] = number

    # --- changing ---

    def replace(self, repo_id: int, row: Row | None) -> None:
        """The repo is now as `row` says; None: it is gone."""
        if row is not None:
            self._reserve(repo_id)
        before = {sort: int(column[repo_id]) for sort, column in self._keys.items()} if self._knows(repo_id) else {}
        known = TYPES[self._kinds[repo_id] - 1] if before else None
        was_for = self._audience(repo_id)
        self._withdraw(repo_id)
        is_hidden = row is None or (row.private and was_for not in (None, row.audience))
        if row is None:
            if known is None:
                return
            self._names.replace(repo_id, None)
            self._tags[known].replace(repo_id, ())
            self._links.replace(repo_id, ())
            for sort, buckets in self._ranges.items():
                buckets.change(repo_id, before[sort], UNKNOWN)
        else:
            self._admit(row)
            name = fold_tag(row.full_name)
            self._names.replace(repo_id, name)
            self._tags[row.type].replace(repo_id, row.tags)
            self._links.replace(repo_id, _links(row, name))
            self._note_numbers(row, before)
        self.version += 1
        self.withdrawn += is_hidden

    def renumber(self, row: Row) -> None:
        """As `replace`, when only numbers changed (downloads, likes, trending). Nothing for a repo that is not here."""
        if not self._knows(row.id):
            return
        before = {sort: int(column[row.id]) for sort, column in self._keys.items()}
        self._write_numbers(row)
        self._note_numbers(row, before)

    def _knows(self, repo_id: int) -> bool:
        return repo_id < len(self._kinds) and self._kinds[repo_id] != 0

    def _audience(self, repo_id: int) -> int | None:
        """For whom it is: 0 for everybody; None for a repo that is not here."""
        if not self._knows(repo_id):
            return None
        is_public = repo_id in self._types[TYPES[self._kinds[repo_id] - 1]].public
        return 0 if is_public else int(self._audiences[repo_id])

    def _withdraw(self, repo_id: int) -> None:
        """Out of the sets of its type."""
        if not self._knows(repo_id):
            return
        group = self._types[TYPES[self._kinds[repo_id] - 1]]
        self._kinds[repo_id] = 0
        group.every.discard(repo_id)
        group.gated.discard(repo_id)
        group.public.discard(repo_id)
        if (private := group.private.get(int(self._audiences[repo_id]))) is not None:
            private.discard(repo_id)

    def _note_numbers(self, row: Row, before: dict[Sort, int]) -> None:
        for (sort, _), order in self._types[row.type].orders.items():
            old, new = before.get(sort), int(self._keys[sort][row.id])
            if old is None or old != new:
                order.changed(row.id, new if old is None else old)
        for sort, buckets in self._ranges.items():
            buckets.change(row.id, before.get(sort, UNKNOWN), int(self._keys[sort][row.id]))

    # --- orders that are made anew beside the work ---

    def stale(self) -> Iterator[tuple[Order, Ids, orders.Keys]]:
        """Each order that has changed much, with what `orders.sort` makes the new one of (in any thread) for `replace`."""
        for group in self._types.values():
            for (sort, _), order in group.orders.items():
                if order.stale:
                    ids = ids_of(group.every)
                    yield order, ids, order.snapshot(ids, self._keys[sort])

    # --- answers ---

    def find(self, scope: Scope, query: Query, text: BitMap | None = None) -> Found:
        """As `Search.find`. `text`: the repos whose cards have the words of `query.text`. Raises BadRequest."""
        answers = self._answers(scope, query, text)
        after = decode_cursor(query)
        corrected = False
        if not answers and query.tolerant and query.words:
            answers, corrected = self._answers(scope, query, text, near=True), True
        total = len(answers)
        if query.offset >= total or query.limit <= 0:
            return Found([], total, None, corrected and bool(answers))
        count = min(query.offset + query.limit + 1, total)
        if query.sort is Sort.RELEVANCE:
            ids, keys = self._by_relevance(answers, query, count, after)
        else:
            ids, keys = self._sorted(answers, query, count, after)
        page = ids[query.offset : query.offset + query.limit]
        has_more = len(ids) > query.offset + query.limit
        cursor = encode_cursor(query, Position(keys(page[-1]), page[-1])) if has_more else None
        return Found(page, total, cursor, corrected and bool(answers))

    def visible(self, scope: Scope, repo_ids: Iterable[int]) -> list[int]:
        """Those of the repos that the scope shows."""
        return [one for one in repo_ids if any(self._shows(group, scope, one) for group in self._types.values())]

    @staticmethod
    def _shows(group: Types, scope: Scope, repo_id: int) -> bool:
        if repo_id in group.public or (scope.everything and repo_id in group.every):
            return True
        if repo_id in scope.repos and repo_id in group.every:
            return True
        return any(repo_id in group.private.get(audience, ()) for audience in scope.audiences)

    def facets(self, scope: Scope, query: Query, text: BitMap | None = None, *, each: int = 100) -> Facets:
        """As `Search.facets`."""
        answers = self._answers(scope, query, text)
        if not answers and query.tolerant and query.words:
            answers = self._answers(scope, query, text, near=True)
        return self._tags[query.type].facets(answers, each)

    def _sorted(self, answers: BitMap, query: Query, count: int, after: Position | None) -> tuple[list[int], "_KeyOf"]:
        column, place = self._keys[query.sort], (after.key, after.row_id) if after else None
        unknown_last = query.ascending and query.sort in _OPEN
        order = self._types[query.type].orders.get((query.sort, unknown_last))
        if order is None:  # a number that repos of this type do not have, asked for all the same
            order = Order(ids_of(answers), column, unknown_last=unknown_last)
        found = order.top(answers, column, count, ascending=query.ascending, after=place)
        return found, lambda one: order.number(column, one)

    def _by_relevance(
        self, answers: BitMap, query: Query, count: int, after: Position | None
    ) -> tuple[list[int], "_KeyOf"]:
        """Classes, each by trending (docs/reference/ranking.md). The number that is sorted by has both."""
        column, order = self._keys[Sort.TRENDING], self._types[query.type].orders[Sort.TRENDING, False]
        found, class_of = list[int](), dict[int, int]()
        classes = list(enumerate(self._classes(answers, query)))
        for number, members in classes if query.ascending else reversed(classes):
            place: orders.Place | None = None
            if after is not None:
                reached = after.key >> _CLASS_SHIFT
                if number != reached and (number < reached) is query.ascending:
                    continue
                if number == reached:
                    place = after.key & _TRENDING_MAX, after.row_id
            some = order.top(members, column, count - len(found), ascending=query.ascending, after=place)
            class_of.update(dict.fromkeys(some, number))
            found += some
            if len(found) >= count:
                break
        return found, lambda one: class_of[one] << _CLASS_SHIFT | min(int(column[one]), _TRENDING_MAX)

    def _classes(self, answers: BitMap, query: Query) -> list[BitMap]:
        """A partition of the answers by how well the words fit, the worst first."""
        words = query.words or tuple(word for word in fold(query.text).split() if len(query.text) < 200)
        if not words:
            return [answers]
        inside, starting = [answers], [answers]
        for word in words:
            inside.append(self._names.containing(word))
            starting.append(self._names.starting(word))
        within = BitMap.intersection(*inside)
        begins = BitMap.intersection(*starting)
        whole = begins & BitMap(self._names.called(words))
        return [answers - within, within - begins, begins - whole, whole]

    def _answers(self, scope: Scope, query: Query, text: BitMap | None, *, near: bool = False) -> BitMap:
        """What every condition holds for and the scope shows."""
        group = self._types[query.type]
        wanted = [*self._conditions(group, query, near=near), *([text] if text is not None else [])]
        wanted.sort(key=len)
        if scope.everything:
            return BitMap.intersection(group.every, *wanted) if wanted else group.every.copy()
        public = _within(group.public, wanted)
        for audience in scope.audiences:
            if private := group.private.get(audience):
                public |= _within(private, wanted)
        if scope.repos:
            public |= _within(group.every & BitMap(scope.repos), wanted)
        return public

    def _conditions(self, group: Types, query: Query, *, near: bool) -> Iterator[BitMap]:
        for word in query.words:
            exact = self._names.containing(word)
            yield exact | self._names.near(word) if near else exact
        for tags in query.tags:
            yield self._tags[query.type].any_of(tags)
        if query.author is not None:
            yield self._links.of(_OWNER + query.author)
        if query.pipeline_tag is not None:
            yield self._links.of(_TASK + query.pipeline_tag)
        for sort, wanted in ((Sort.PARAMETERS, query.parameters), (Sort.ROWS, query.rows)):
            if wanted is not None:
                yield self._ranges[sort].within(wanted, self._keys[sort])
        if query.gated is not None:
            yield group.gated if query.gated else group.every - group.gated
        yield from self._linked(group, query)

    def _linked(self, group: Types, query: Query) -> Iterator[BitMap]:
        """The conditions on what serves a model, and on what a Space names."""
        if query.inference is not None:
            served = self._links.of(_PROVIDER)
            yield served if query.inference == "warm" else group.every - served
        if query.providers:
            names = ("",) if "all" in query.providers else query.providers
            yield BitMap.union(*(self._links.of(_PROVIDER + name) for name in names))
        for prefix, names in ((_MODEL, query.models), (_DATASET, query.datasets)):
            for name in names:
                yield self._links.of(prefix + name)
        if query.linked:
            yield self._links.of(_LINKED)


def _within(group: BitMap, wanted: list[BitMap]) -> BitMap:
    """What is in the group and in all of `wanted`, of which the smallest is the first: its own to change."""
    if not wanted:
        return group.copy()
    found = wanted[0] & group
    for other in wanted[1:]:
        found &= other
    return found


def _links(row: Row, name: str) -> list[str]:
    """Terms for what is neither a tag nor a word of the name."""
    found = [_OWNER + name[: name.index("/")]]
    if row.pipeline_tag is not None:
        found.append(_TASK + fold_tag(row.pipeline_tag))
    if row.providers:
        found += [_PROVIDER, *{_PROVIDER + fold_tag(provider) for provider in row.providers}]
    if row.models or row.datasets:
        found.append(_LINKED)
        found += {_MODEL + fold_tag(model) for model in row.models}
        found += {_DATASET + fold_tag(dataset) for dataset in row.datasets}
    return found


def _numbers(row: Row) -> tuple[int, ...]:
    """In the order of `_SORTS`."""
    parameters = UNKNOWN if row.parameters is None else row.parameters
    rows = UNKNOWN if row.rows is None else row.rows
    return row.trending, row.downloads, row.likes, row.created_at, row.updated_at, parameters, rows
