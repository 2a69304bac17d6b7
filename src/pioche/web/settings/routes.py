"""The routes of one's own settings."""

from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.web.settings import (
    applications,
    authentication,
    deleted,
    fine_grained,
    gated,
    identities,
    identity,
    inference,
    keys,
    notifications,
    organizations,
    passkeys,
    profile,
    publishers,
    second_factor,
    storage,
    tokens,
    webhooks,
)


async def first(_request: Request) -> Response:
    """GET /settings."""
    return redirect("/settings/profile", status=303)


ROUTES = (
    Route("GET", "/settings", Needs.SESSION, first),
    *profile.ROUTES,
    *authentication.ROUTES,
    *passkeys.ROUTES,
    *second_factor.ROUTES,
    *tokens.ROUTES,
    *fine_grained.ROUTES,
    *publishers.ROUTES,
    *applications.ROUTES,
    *keys.ROUTES,
    *webhooks.ROUTES,
    *gated.ROUTES,
    *notifications.ROUTES,
    *organizations.ROUTES,
    *storage.ROUTES,
    *inference.ROUTES,
    *deleted.ROUTES,
    *identity.ROUTES,
    *identities.ROUTES,
)
