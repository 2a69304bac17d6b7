"""The routes of organisations' own pages."""

from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.web.organisations import (
    account,
    analytics,
    creating,
    frame,
    groups,
    inference,
    joining,
    members,
    profile,
    requirements,
    security,
    service_accounts,
    sso,
    storage,
    tokens,
)


async def first(request: Request) -> Response:
    """GET /organizations/{name}/settings."""
    org = await request.run(frame.administered, request)
    return redirect(f"{frame.base(org)}/profile", status=303)


ROUTES = (
    Route("GET", "/organizations/{name}/settings", Needs.SESSION, first),
    *creating.ROUTES,
    *joining.ROUTES,
    *profile.ROUTES,
    *members.ROUTES,
    *groups.ROUTES,
    *security.ROUTES,
    *requirements.ROUTES,
    *tokens.ROUTES,
    *service_accounts.ROUTES,
    *sso.ROUTES,
    *storage.ROUTES,
    *inference.ROUTES,
    *analytics.ROUTES,
    *account.ROUTES,
)
