"""/organizations/{name}/settings/storage: how much an organisation's repos hold, and may hold (ui.md U3)."""

from typing import Any

from pioche.accounts.account import Account
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.web import allowances
from pioche.web.organisations import frame


async def show(request: Request) -> Response:
    """GET /organizations/{name}/settings/storage."""
    org, values = await request.run(_of_org, request)
    return frame.page(request, "storage.html", "storage", org, **values)


def _of_org(request: Request) -> tuple[Account, dict[str, Any]]:
    org = frame.administered(request)
    return org, allowances.of(request, org)


ROUTES = (Route("GET", "/organizations/{name}/settings/storage", Needs.SESSION, show),)
