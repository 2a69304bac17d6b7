"""The query language: what may be asked of the lists of repos, and what is answered.

All conditions of a `Query` must hold. Where two texts are compared, `fold` was applied to both.
"""

import base64
import binascii
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol

import msgspec

from pioche.accounts.callers import Caller
from pioche.errors import BadRequest
from pioche.names import RepoType

NUMBER_MAX = 2**63 - 1

_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def fold_tag(text: str) -> str:
    """Tags and names of repos are compared without case, of ASCII letters only: so does every database."""
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)


def fold(text: str) -> str:
    """Words that people type are compared without case and accents: `Évaluation` is `evaluation`."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


class Sort(StrEnum):
    """What the answer is ordered by, in the spelling of the Hub's API; each is a whole number of `rows.Row`.

    PARAMETERS and ROWS put repos of which the number is not known last, in both directions. RELEVANCE is how well the words
    and the text fit (docs/reference/ranking.md); in a query that has neither it is TRENDING.
    """

    TRENDING = "trendingScore"
    DOWNLOADS = "downloads"
    LIKES = "likes"
    CREATED = "createdAt"
    MODIFIED = "lastModified"
    PARAMETERS = "numParameters"
    ROWS = "numRows"
    RELEVANCE = "relevance"


@dataclass(frozen=True, slots=True)
class Range:
    """From `least` to `most`, both included; None is open."""

    least: int | None = None
    most: int | None = None

    def __contains__(self, number: int) -> bool:
        return (self.least is None or self.least <= number) and (self.most is None or number <= self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question. A default asks for nothing. Every text is folded already (`fold`, `fold_tag`)."""

    type: RepoType
    """Model, dataset or Space. Buckets are not searched."""
    words: tuple[str, ...] = ()
    """Each occurs somewhere in `namespace/name` (a substring: `bert` finds `roberta`)."""
    text: str = ""
    """Full text: each of its words occurs in the name, the tags or the card, after stemming."""
    tolerant: bool = False
    """When nothing at all answers the query as written, words and text may have typing errors: edit distance 1 from 4
    letters, 2 from 8. `Found.corrected` tells that this was done."""
    author: str | None = None
    """The namespace, whole: a user's or organisation's name. One that there is not has no repos."""
    tags: tuple[tuple[str, ...], ...] = ()
    """Of each group, at least one tag is the repo's, whole. Tasks, libraries, languages (`fr`, of datasets `language:fr`),
    licences (`license:mit`), datasets (`dataset:ns/name`) and base models (`base_model:ns/name`,
    `base_model:finetune:ns/name`) are tags as well; so is the SDK of a Space."""
    pipeline_tag: str | None = None
    """The model's task itself, where a task in `tags` may also be one among others."""
    parameters: Range | None = None
    """How many parameters the model has. One of which that is not known does not answer."""
    rows: Range | None = None
    """How many rows the dataset has, likewise."""
    gated: bool | None = None
    """True: `auto` or `manual`. False: neither."""
    inference: str | None = None
    """`warm`: some provider serves the model; `cold`: none does."""
    providers: tuple[str, ...] = ()
    """At least one of these inference providers serves the model; `all` stands for any."""
    models: tuple[str, ...] = ()
    """The Space's card names each of these models, as written."""
    datasets: tuple[str, ...] = ()
    """The Space's card names each of these datasets, as written."""
    linked: bool = False
    """The Space's card names a model or a dataset."""
    sort: Sort = Sort.TRENDING
    """Equal ones are ordered by the row's id, in the same direction: the order is total."""
    ascending: bool = False
    cursor: str | None = None
    """`Found.next_cursor` of the page before. With another sort or direction it is refused."""
    offset: int = 0
    """So many answers are left out first: pages by number. Of no use with a cursor."""
    limit: int = 30


@dataclass(frozen=True, slots=True)
class Found:
    """One page of answers. `ids` are rows of `repos`, in order; `total` counts all answers that the caller may see, on
    whatever page."""

    ids: list[int]
    total: int
    next_cursor: str | None
    corrected: bool = False


Facets = Mapping[str, list[tuple[str, int]]]
"""By facet (`facets.facet_of`): its tags, and how many answers have each; the most frequent first, then by name."""


class Search(Protocol):
    """What answers queries. All of its functions are for worker threads."""

    def find(self, caller: Caller, query: Query) -> Found:
        """Raises BadRequest for a cursor that does not belong to the query."""
        ...

    def facets(self, caller: Caller, query: Query, *, each: int = 100) -> Facets:
        """Counts over all answers (cursor, offset and limit do not matter); of each facet the first `each` tags."""
        ...


# --- cursors --------------------------------------------------------------------------------------------------------

_Number = Annotated[int, msgspec.Meta(ge=-1, le=NUMBER_MAX)]


@dataclass(frozen=True, slots=True)
class Position:
    """The last answer of a page: what it was sorted by, and its row."""

    key: int
    row_id: int


def encode_cursor(query: Query, last: Position) -> str:
    """What asks for the page after `last`. It holds nothing that the caller was not shown."""
    order = query.sort.value + ("+" if query.ascending else "-")
    return base64.urlsafe_b64encode(msgspec.json.encode([order, last.key, last.row_id])).decode().rstrip("=")


def decode_cursor(query: Query) -> Position | None:
    """Where the page begins; None at the beginning. Raises BadRequest."""
    if not query.cursor:
        return None
    try:
        raw = base64.urlsafe_b64decode(query.cursor + "=" * (-len(query.cursor) % 4))
        order, key, row_id = msgspec.json.decode(raw, type=tuple[str, _Number, _Number])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise BadRequest("The cursor is not valid: follow the Link header as it is") from None
    if order != query.sort.value + ("+" if query.ascending else "-"):
        raise BadRequest("The cursor belongs to another order: follow the Link header as it is")
    return Position(key, row_id)
