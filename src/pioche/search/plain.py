"""What a query means, in Python over rows, without any index: the reference that every engine is checked against."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from pioche.names import RepoType
from pioche.search.facets import grouped
from pioche.search.query import (
    NUMBER_MAX,
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

UNKNOWN = -1
"""Of a number that nobody knows."""


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is searched of a repo. Names and tags are as written; `trending` is the score in thousandths, times are Unix
    milliseconds."""

    id: int
    type: RepoType
    full_name: str
    audience: int
    """See `accounts.audiences`."""
    private: bool
    gated: str = ""
    tags: frozenset[str] = frozenset()
    """Those of the card and the files, the SDK of a Space, and the region: what the API shows in `tags`."""
    pipeline_tag: str | None = None
    providers: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    datasets: frozenset[str] = frozenset()
    parameters: int | None = None
    rows: int | None = None
    downloads: int = 0
    likes: int = 0
    trending: int = 0
    created_at: int = 0
    updated_at: int = 0
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a caller may see: the public repos, the private ones of these audiences, and these one by one (which a fine-grained
    token names); or all."""

    audiences: frozenset[int] = frozenset()
    everything: bool = False
    repos: frozenset[int] = frozenset()

    def __contains__(self, row: Row) -> bool:
        return self.everything or not row.private or row.audience in self.audiences or row.id in self.repos


def find(rows: Iterable[Row], scope: Scope, query: Query) -> Found:
    """As `Search.find`."""
    answers = [row for row in rows if row in scope and matches(row, query)]
    answers.sort(key=lambda row: (sort_key(row, query), row.id), reverse=not query.ascending)
    total = len(answers)
    after = decode_cursor(query)
    if after is not None:
        answers = [row for row in answers if _is_after(row, query, after)]
    page = answers[query.offset : query.offset + query.limit]
    has_more = len(answers) > query.offset + query.limit
    last = Position(sort_key(page[-1], query), page[-1].id) if page else None
    return Found([row.id for row in page], total, encode_cursor(query, last) if has_more and last else None)


def facets(rows: Iterable[Row], scope: Scope, query: Query, *, each: int = 100) -> Facets:
    """As `Search.facets`."""
    counts = Counter(tag for row in rows if row in scope and matches(row, query) for tag in row.tags)
    return grouped(query.type, counts, each)


def matches(row: Row, query: Query) -> bool:
    """Whether every condition holds; `query.type` is one."""
    return (
        row.type is query.type
        and (query.author is None or fold_tag(row.full_name).partition("/")[0] == query.author)
        and all(word in fold_tag(row.full_name) for word in query.words)
        and _text_matches(row, query.text)
        and _tags_match(row, query)
        and _numbers_match(row, query)
        and _links_match(row, query)
    )


def sort_key(row: Row, query: Query) -> int:
    """Larger is earlier, unless `query.ascending`."""
    match query.sort:
        case Sort.DOWNLOADS:
            return row.downloads
        case Sort.LIKES:
            return row.likes
        case Sort.CREATED:
            return row.created_at
        case Sort.MODIFIED:
            return row.updated_at
        case Sort.PARAMETERS:
            return _known(row.parameters, query)
        case Sort.ROWS:
            return _known(row.rows, query)
        case Sort.TRENDING | Sort.RELEVANCE:
            return row.trending


def _known(number: int | None, query: Query) -> int:
    if number is not None:
        return number
    return NUMBER_MAX if query.ascending else UNKNOWN


def _is_after(row: Row, query: Query, position: Position) -> bool:
    here, there = (sort_key(row, query), row.id), (position.key, position.row_id)
    return here > there if query.ascending else here < there


def _tags_match(row: Row, query: Query) -> bool:
    tags = _folded(row.tags)
    if query.pipeline_tag is not None and fold_tag(row.pipeline_tag or "") != query.pipeline_tag:
        return False
    return all(any(tag in tags for tag in group) for group in query.tags)


def _numbers_match(row: Row, query: Query) -> bool:
    if query.parameters is not None and (row.parameters is None or row.parameters not in query.parameters):
        return False
    if query.rows is not None and (row.rows is None or row.rows not in query.rows):
        return False
    return query.gated is None or bool(row.gated) is query.gated


def _links_match(row: Row, query: Query) -> bool:
    if query.inference is not None and bool(row.providers) is not (query.inference == "warm"):
        return False
    if query.providers and not _served(row, query):
        return False
    if query.linked and not (row.models or row.datasets):
        return False
    return set(query.models) <= _folded(row.models) and set(query.datasets) <= _folded(row.datasets)


def _served(row: Row, query: Query) -> bool:
    if "all" in query.providers:
        return bool(row.providers)
    return not _folded(row.providers).isdisjoint(query.providers)


def _text_matches(row: Row, text: str) -> bool:
    """Without the stems and the typing errors of the real thing: each word is somewhere in name, tags or summary."""
    everything = fold(" ".join((row.full_name, *row.tags, row.summary)))
    return all(fold(word) in everything for word in text.split())


def _folded(texts: Iterable[str]) -> set[str]:
    return {fold_tag(text) for text in texts}
