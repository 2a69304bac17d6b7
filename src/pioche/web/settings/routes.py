"""The routes of one's own settings."""

from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.web.settings import authentication, gated, profile, tokens, webhooks


async def first(_request: Request) -> Response:
    """GET /settings."""
    return redirect("/settings/profile", status=303)


ROUTES = (
    Route("GET", "/settings", Needs.SESSION, first),
    *profile.ROUTES,
    *authentication.ROUTES,
    *tokens.ROUTES,
    *webhooks.ROUTES,
    *gated.ROUTES,
)
