"""/settings/gated-repos: the gated repos whose files somebody asked for (ui.md T6)."""

from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.repos.gating import requests
from pioche.web.settings import frame


async def listing(request: Request) -> Response:
    """GET /settings/gated-repos."""
    found = await request.run(requests.all_own, request.hub.database, request.caller)
    return frame.page(request, "gated.html", "gated-repos", requests=found)


ROUTES = (Route("GET", "/settings/gated-repos", Needs.SESSION, listing),)
