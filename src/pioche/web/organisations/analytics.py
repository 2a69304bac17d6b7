"""/organizations/{name}/settings/analytics: how much its repos are used (ui.md U2)."""

from pioche.accounts.account import Account
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.repos import figures
from pioche.repos.figures import Figures
from pioche.web.organisations import frame


async def show(request: Request) -> Response:
    """GET /organizations/{name}/settings/analytics."""
    org, found = await request.run(_of_org, request)
    return frame.page(request, "analytics.html", "analytics", org, found=found)


def _of_org(request: Request) -> tuple[Account, Figures]:
    org = frame.administered(request)
    return org, figures.of_account(request.hub.database, org)


ROUTES = (Route("GET", "/organizations/{name}/settings/analytics", Needs.SESSION, show),)
