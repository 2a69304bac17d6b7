"""Looking at collections: all of them, one, its history."""

from dataclasses import dataclass
from typing import Final

from pioche.accounts.callers import Caller
from pioche.community.collections import changing, finding, history, items
from pioche.community.collections.collection import Collection, Item, Kind, parse_paper
from pioche.community.collections.finding import Sort, Wanted
from pioche.errors import BadRequest, HubError, NotFound
from pioche.http.hub import Hub
from pioche.http.messages import Query, Request, Response, redirect
from pioche.names import VERSIONED
from pioche.search.quick import LENGTH_MAX, quick
from pioche.web import layout, rows
from pioche.web.collections import shown
from pioche.web.collections.shown import Card, Line
from pioche.web.rows import Row

_PAGE_SIZE: Final = 24
_FOUND: Final = 6
_HISTORY: Final = 60


@dataclass(frozen=True, slots=True)
class Seen:
    """One collection as the caller sees it. `hidden` are items that nobody is shown, for who may take them out."""

    collection: Collection
    lines: list[Line]
    hidden: list[Item]
    may_edit: bool
    has_voted: bool


@dataclass(frozen=True, slots=True)
class Addable:
    """What `words` found: repos, and a paper's number where the words are one."""

    words: str
    rows: list[Row]
    paper: str


async def listing(request: Request) -> Response:
    """GET /collections?sort=&q=&p=."""
    asked = request.query
    sort = _sort(asked.get("sort"))
    words, number = (asked.get("q") or "").strip()[:200], asked.number("p", default=0, most=10_000)
    found, total = await request.run(_list, request.hub, request.caller, sort, words, number)
    return layout.page(
        request,
        "collections/list.html",
        cards=found,
        sort=sort.value,
        words=words,
        page_number=number,
        page_count=-(-total // _PAGE_SIZE),
    )


def _list(hub: Hub, caller: Caller, sort: Sort, words: str, number: int) -> tuple[list[Card], int]:
    wanted = Wanted(sort=sort, words=words, limit=_PAGE_SIZE, skip=number * _PAGE_SIZE)
    found = finding.find(hub.database, caller, wanted)
    return shown.cards(hub, caller, [one.collection for one in found]), finding.count(hub.database, caller, wanted)


def _sort(asked: str | None) -> Sort:
    try:
        return Sort.parse(asked or Sort.TRENDING)
    except BadRequest:
        return Sort.TRENDING


async def of_owner(request: Request) -> Response:
    """GET /collections/{namespace}: on the page of whose they are."""
    account = await request.run(request.hub.directory.get, request.params["namespace"])
    return redirect(f"/{account.name}?tab=collections", status=303)


async def one(request: Request) -> Response:
    """GET /collections/{namespace}/{slug}?add=words: an older title in the address leads to the one of now."""
    seen = await request.run(_seen, request)
    if f"{request.params['namespace']}/{request.params['slug']}" != seen.collection.slug:
        return redirect(seen.collection.web_path, status=303)
    return await show(request, seen)


async def show(
    request: Request, seen: Seen | None = None, *, status: int = 200, error: HubError | None = None
) -> Response:
    """The page of the collection that the address names; `error` is why a change of it was refused."""
    found: Seen = seen if seen is not None else await request.run(_seen, request)
    addable = await request.run(_addable, request.hub, request.caller, request.query) if found.may_edit else None
    return layout.page(
        request,
        "collections/one.html",
        status=status,
        seen=found,
        collection=found.collection,
        addable=addable,
        error=error,
    )


def _seen(request: Request) -> Seen:
    hub, caller = request.hub, request.caller
    collection = finding.get(hub.database, caller, request.params["slug"])
    may_edit = finding.may_edit(hub.database, caller, collection)
    hidden = items.count_hidden(hub.database, caller, collection) if may_edit else []
    voted = changing.has_voted(hub.database, caller, collection)
    return Seen(collection, shown.lines(hub, caller, collection), hidden, may_edit, voted)


def _addable(hub: Hub, caller: Caller, asked: Query) -> Addable:
    words = (asked.get("add") or "").strip()[:LENGTH_MAX]
    if not words:
        return Addable("", [], "")
    found = quick(hub.search, hub.directory, caller, words, each=_FOUND)
    repos = [
        row for kind in VERSIONED if kind in found.repos for row in rows.of_ids(hub, caller, found.repos[kind].ids)
    ]
    try:
        paper = parse_paper(words.removeprefix("arXiv:").removeprefix("https://arxiv.org/abs/"))
    except BadRequest:
        paper = ""
    return Addable(words, repos, paper)


async def past(request: Request) -> Response:
    """GET /collections/{namespace}/{slug}/history?before=: for who may change it, and for others not there."""
    before = request.query.number("before", default=0, most=10**15) or None
    collection, entries = await request.run(_past, request, before)
    older = entries[_HISTORY - 1].id if len(entries) > _HISTORY else 0
    return layout.page(
        request,
        "collections/history.html",
        collection=collection,
        entries=entries[:_HISTORY],
        older=older,
        kinds=[kind.value for kind in Kind],
    )


def _past(request: Request, before: int | None) -> tuple[Collection, list[history.Entry]]:
    hub, caller = request.hub, request.caller
    collection = finding.get(hub.database, caller, request.params["slug"])
    if not finding.may_edit(hub.database, caller, collection):
        raise NotFound("Collection not found")
    return collection, history.read(hub.database, caller, collection, limit=_HISTORY + 1, before=before)
