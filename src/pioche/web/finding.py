"""Finding across everything: suggestions while one types in the header (ui.md G1), and the texts of cards (Q1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, runtime_checkable

from pioche.accounts.callers import Caller
from pioche.community.collections import finding as collections
from pioche.community.collections.collection import Collection
from pioche.community.collections.finding import Sort as Order
from pioche.community.collections.finding import Wanted
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.names import LISTED, RepoType
from pioche.search.query import Query, Sort, fold_tag
from pioche.search.quick import LENGTH_MAX, Quick, quick
from pioche.web import layout, rows
from pioche.web.rows import Row

_SUGGESTED: Final = 4
_PAGE_SIZE: Final = 20
_FIELDS: Final = ("owner", "author", "tag", "license", "language", "task")

Piece = tuple[str, bool]
"""A part of a snippet, and whether it is what was looked for."""


@runtime_checkable
class TellsSnippets(Protocol):
    """What an engine with the words of cards can do besides: see `search.remote.IndexSearch`."""

    def snippets(self, caller: Caller, query: Query, repo_ids: Sequence[int]) -> dict[int, list[Piece]]: ...


# --- suggestions ----------------------------------------------------------------------------------------------------


async def suggest(request: Request) -> Response:
    """GET /search/suggest?q=: the options of the list below the search box, as HTML."""
    text = (request.query.get("q") or "").strip()[:LENGTH_MAX]
    found, suggested, lists = await request.run(_suggest, request.hub, request.caller, text)
    return layout.page(
        request, "search/suggestions.html", text=text, found=found, suggested=suggested, collections=lists
    )


def _suggest(hub: Hub, caller: Caller, text: str) -> tuple[Quick, dict[str, list[Row]], list[Collection]]:
    found = quick(hub.search, hub.directory, caller, text, each=_SUGGESTED)
    suggested = {kind.value: rows.of_ids(hub, caller, page.ids) for kind, page in found.repos.items()}
    wanted = Wanted(words=text, sort=Order.UPVOTES, limit=_SUGGESTED)
    lists = collections.find(hub.database, caller, wanted) if text else []
    return found, suggested, [one.collection for one in lists]


# --- the texts of cards ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """A repo and the place in its card where the words are; no pieces where the engine tells none."""

    row: Row
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class Texts:
    """One page of hits of one type, and how many each type has."""

    hits: list[Hit]
    totals: dict[str, int]
    corrected: bool


async def full_text(request: Request) -> Response:
    """GET /search/full-text?q=&type=model|dataset|space&p=. Fields in the words: `owner:ada license:mit tag:legal`."""
    text = (request.query.get("q") or "").strip()[:250]
    wanted = request.query.get("type")
    kind = RepoType(wanted) if wanted in LISTED else RepoType.MODEL
    page_number = request.query.number("p", default=0, most=10**6)
    found = Texts([], {}, corrected=False)
    if text:
        found = await request.run(_texts, request.hub, request.caller, parse(kind, text), page_number)
    return layout.page(
        request,
        "search/texts.html",
        text=text,
        kind=kind.value,
        found=found,
        page_number=page_number,
        page_count=-(-found.totals.get(kind.value, 0) // _PAGE_SIZE),
    )


def parse(kind: RepoType, text: str) -> Query:
    """Words are looked for in names, tags and cards; `field:value` narrows."""
    words, tags, author = list[str](), list[tuple[str, ...]](), None
    for word in text.split():
        name, colon, value = word.partition(":")
        if not colon or not value or name.lower() not in _FIELDS:
            words.append(word)
            continue
        match name.lower():
            case "owner" | "author":
                author = fold_tag(value)
            case "license":
                tags.append((fold_tag(f"license:{value}"),))
            case "language":
                tags.append((fold_tag(value), fold_tag(f"language:{value}")))
            case "task":
                tags.append((fold_tag(value), fold_tag(f"task_categories:{value}")))
            case _:
                tags.append((fold_tag(value),))
    sort = Sort.RELEVANCE if words else Sort.TRENDING
    return Query(type=kind, text=" ".join(words), tags=tuple(tags), author=author, sort=sort, tolerant=True)


def _texts(hub: Hub, caller: Caller, query: Query, page_number: int) -> Texts:
    shown = replace(query, limit=_PAGE_SIZE, offset=page_number * _PAGE_SIZE)
    found = hub.search.find(caller, shown)
    totals = {query.type.value: found.total}
    for kind in LISTED:
        if kind is not query.type:
            totals[kind.value] = hub.search.find(caller, replace(query, type=kind, limit=1)).total
    snippets = hub.search.snippets(caller, query, found.ids) if isinstance(hub.search, TellsSnippets) else {}
    hits = [Hit(row, snippets.get(row.id, [])) for row in rows.of_ids(hub, caller, found.ids)]
    return Texts(hits, totals, found.corrected)


ROUTES = (
    Route("GET", "/search/suggest", Needs.ANYONE, suggest),
    Route("GET", "/search/full-text", Needs.ANYONE, full_text),
)
