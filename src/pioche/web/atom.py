"""Feeds of what is new, for programs that look again now and then (ui.md G8): Atom, RFC 4287."""

from typing import Final
from urllib.parse import urlencode

from pioche.accounts.callers import Caller
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n import languages
from pioche.names import RepoType
from pioche.search.query import Query, Sort, fold_tag
from pioche.web import layout, rows
from pioche.web.rows import Row

_ENTRIES: Final = 30


async def models(request: Request) -> Response:
    """GET /models.atom[?author=]: the newest public models, whoever asks."""
    return await _feed(request, RepoType.MODEL)


async def datasets(request: Request) -> Response:
    """GET /datasets.atom[?author=]."""
    return await _feed(request, RepoType.DATASET)


async def spaces(request: Request) -> Response:
    """GET /spaces.atom[?author=]."""
    return await _feed(request, RepoType.SPACE)


async def _feed(request: Request, kind: RepoType) -> Response:
    author = (request.query.get("author") or "")[:100]
    shown = await request.run(_newest, request.hub, kind, author)
    asked = f"?{urlencode({'author': author})}" if author else ""
    text = layout.render(
        "lists/atom.html",
        rows=shown,
        kind=kind.value,
        author=author,
        language=languages.spoken(),
        address=request.base_url,
        list_path=f"/{kind.plural}{asked}",
        feed_path=f"/{kind.plural}.atom{asked}",
    )
    headers = [
        ("Content-Type", "application/atom+xml; charset=utf-8"),
        ("Cache-Control", "public, max-age=300"),
        ("Vary", "Accept-Language, Cookie"),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ]
    return Response(200, headers, text.encode())


def _newest(hub: Hub, kind: RepoType, author: str) -> list[Row]:
    """For a worker thread."""
    nobody = Caller.nobody()
    query = Query(type=kind, author=fold_tag(author) if author else None, sort=Sort.CREATED, limit=_ENTRIES)
    return rows.of_ids(hub, nobody, hub.search.find(nobody, query).ids)


ROUTES = (
    Route("GET", "/models.atom", Needs.ANYONE, models),
    Route("GET", "/datasets.atom", Needs.ANYONE, datasets),
    Route("GET", "/spaces.atom", Needs.ANYONE, spaces),
)
