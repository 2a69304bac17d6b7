"""What programs that read the web ask first: robots.txt, and the addresses of what is public (ui.md G8)."""

from typing import Final
from xml.sax.saxutils import escape

from pioche.accounts.callers import Caller
from pioche.community.collections import finding as collections
from pioche.community.collections.finding import Wanted
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response, text_response
from pioche.http.routes import Needs, Route
from pioche.names import LISTED
from pioche.repos import info
from pioche.search.query import Query, Sort

_REPOS_MAX: Final = 1000
"""Of each type, and of collections: those that changed last."""

_PRIVATE = ("/api/", "/settings/", "/new", "/login", "/join", "/search/")


async def robots(request: Request) -> Response:
    """GET /robots.txt."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in _PRIVATE), f"Sitemap: {request.base_url}/sitemap.xml"]
    return text_response("\n".join(lines) + "\n")


async def sitemap(request: Request) -> Response:
    """GET /sitemap.xml: public repos and collections only, whoever asks."""
    paths = await request.run(_paths, request.hub)
    rows = "".join(f"<url><loc>{escape(request.base_url + path)}</loc></url>" for path in paths)
    body = f'<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>'
    return Response(200, [("Content-Type", "application/xml; charset=utf-8")], body.encode())


def _paths(hub: Hub) -> list[str]:
    found = ["/", "/models", "/datasets", "/spaces", "/docs"]
    nobody = Caller.nobody()
    for kind in LISTED:
        ids = hub.search.find(nobody, Query(type=kind, sort=Sort.MODIFIED, limit=_REPOS_MAX)).ids
        found += [repo.repo_id.web_path for repo in info.of_ids(hub.database, nobody, ids)]
    newest = collections.find(hub.database, nobody, Wanted(limit=_REPOS_MAX))
    return [*found, "/collections", *(one.collection.web_path for one in newest)]


ROUTES = (
    Route("GET", "/robots.txt", Needs.ANYONE, robots),
    Route("GET", "/sitemap.xml", Needs.ANYONE, sitemap),
)
