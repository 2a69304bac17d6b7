"""/organizations/{name}/settings/inference: how much its models are asked (issue 6 item 7)."""

from pioche.accounts.account import Account
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.serving import usage
from pioche.serving.usage import Report
from pioche.web.organisations import frame


async def show(request: Request) -> Response:
    """GET /organizations/{name}/settings/inference."""
    org, report = await request.run(_of_org, request)
    return frame.page(request, "inference.html", "inference", org, report=report, is_of_all=True)


def _of_org(request: Request) -> tuple[Account, Report]:
    org = frame.administered(request)
    return org, usage.of_account(request.hub.database, org)


ROUTES = (Route("GET", "/organizations/{name}/settings/inference", Needs.SESSION, show),)
