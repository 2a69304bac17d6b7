"""/settings/inference: how much one asked the models of this hub (issue 6 item 7)."""

from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.serving import usage
from pioche.web.settings import frame


async def show(request: Request) -> Response:
    """GET /settings/inference."""
    report = await request.run(usage.of_user, request.hub.database, request.caller)
    return frame.page(request, "inference.html", "inference", report=report, is_of_all=False)


ROUTES = (Route("GET", "/settings/inference", Needs.SESSION, show),)
