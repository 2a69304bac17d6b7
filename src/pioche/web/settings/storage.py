"""/settings/storage: how much one's repos hold, and may hold (ui.md U3, T6)."""

from typing import Any

from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.web import allowances
from pioche.web.settings import frame


async def show(request: Request) -> Response:
    """GET /settings/storage."""
    return frame.page(request, "storage.html", "storage", **await request.run(_own, request))


def _own(request: Request) -> dict[str, Any]:
    return allowances.of(request, frame.account(request))


ROUTES = (Route("GET", "/settings/storage", Needs.SESSION, show),)
