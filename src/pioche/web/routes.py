"""The table of contents of the pages: one tuple of routes an area."""

from dataclasses import replace
from functools import wraps

from pioche.http.limits import Bucket
from pioche.http.messages import Request, Response
from pioche.http.routes import Handler, Needs, Protocol, Route
from pioche.i18n import languages
from pioche.web import assets, crawlers, creating, docs, errors, feeds, finding, home, layout, lists, people
from pioche.web.collections import editing as collections
from pioche.web.community import routes as community
from pioche.web.files import routes as files
from pioche.web.repo import routes as repo
from pioche.web.sessions import routes as sessions
from pioche.web.settings import routes as settings
from pioche.web.social import following
from pioche.web.social import repos as social

_AREAS: tuple[tuple[Route, ...], ...] = (
    home.ROUTES,
    feeds.ROUTES,
    lists.ROUTES,
    people.ROUTES,
    finding.ROUTES,
    creating.ROUTES,
    docs.ROUTES,
    crawlers.ROUTES,
    repo.ROUTES,
    files.ROUTES,
    community.ROUTES,
    sessions.ROUTES,
    settings.ROUTES,
    social.ROUTES,
    collections.ROUTES,
    following.ROUTES,
)


def _in_their_language(handler: Handler) -> Handler:
    """What a handler says is in the language of the reader; a choice of language or theme comes before it."""

    @wraps(handler)
    async def localised(request: Request) -> Response:
        languages.speak(layout.language_of(request))
        return layout.remember_choice(request) or await handler(request)

    return localised


PROTOCOL = Protocol(
    "web",
    (
        Route("GET", "/static/{digest}/{name*}", Needs.ANYONE, assets.static, is_free=True),
        Route("GET", "/favicon.ico", Needs.ANYONE, assets.favicon, is_free=True),
        *(replace(route, handler=_in_their_language(route.handler)) for area in _AREAS for route in area),
    ),
    errors.render,
    Bucket.PAGES,
)
