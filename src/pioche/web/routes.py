"""The table of contents of the pages: one tuple of routes an area."""

from dataclasses import replace
from functools import wraps

from pioche.http.limits import Bucket
from pioche.http.messages import Request, Response
from pioche.http.routes import Handler, Needs, Protocol, Route
from pioche.web import (
    assets,
    atom,
    crawlers,
    creating,
    diagrams,
    docs,
    errors,
    feeds,
    finding,
    home,
    images,
    importing,
    in_browser,
    layout,
    lists,
    notifications,
    people,
    playground,
    unsubscribing,
)
from pioche.web.addon import handing
from pioche.web.collections import editing as collections
from pioche.web.community import routes as community
from pioche.web.endpoints import pages as endpoints
from pioche.web.files import routes as files
from pioche.web.moderation import routes as moderation
from pioche.web.oauth import routes as oauth
from pioche.web.organisations import routes as organisations
from pioche.web.repo import routes as repo
from pioche.web.repo_settings import routes as repo_settings
from pioche.web.sessions import routes as sessions
from pioche.web.settings import routes as settings
from pioche.web.social import following, pinning
from pioche.web.social import repos as social
from pioche.web.spaces import pages as spaces_pages
from pioche.web.spaces import settings as spaces_settings
from pioche.web.sso import routes as sso

_AREAS: tuple[tuple[Route, ...], ...] = (
    home.ROUTES,
    feeds.ROUTES,
    lists.ROUTES,
    people.ROUTES,
    notifications.ROUTES,
    unsubscribing.ROUTES,
    finding.ROUTES,
    creating.ROUTES,
    importing.ROUTES,
    docs.ROUTES,
    handing.ROUTES,
    in_browser.ROUTES,
    spaces_pages.ROUTES,
    spaces_settings.ROUTES,
    playground.ROUTES,
    endpoints.ROUTES,
    diagrams.ROUTES,
    crawlers.ROUTES,
    atom.ROUTES,
    repo.ROUTES,
    repo_settings.ROUTES,
    files.ROUTES,
    community.ROUTES,
    sessions.ROUTES,
    sso.ROUTES,
    oauth.ROUTES,
    settings.ROUTES,
    organisations.ROUTES,
    images.ROUTES,
    moderation.ROUTES,
    social.ROUTES,
    pinning.ROUTES,
    collections.ROUTES,
    following.ROUTES,
)


def _in_their_language(handler: Handler) -> Handler:
    """What a handler says is in the language of the reader; a choice of language or theme comes before it."""

    @wraps(handler)
    async def localised(request: Request) -> Response:
        layout.speak(request)
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
