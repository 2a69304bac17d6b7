"""/settings/notifications: what one wants to be told of, and the repos and threads that one watches or muted (ui.md T6)."""

from functools import partial
from typing import Any, Final

from pioche.community import choices
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.web.settings import frame

_FORM_BYTES_MAX: Final = 16 * 1024


async def show(request: Request) -> Response:
    """GET /settings/notifications."""
    found = await request.run(_found, request)
    return frame.page(request, "notifications.html", "notifications", **found)


def _found(request: Request) -> dict[str, Any]:
    database, caller = request.hub.database, request.caller
    every = choices.heard(database, caller)
    return {
        "refused": choices.refused(database, caller.user_id),
        "watched": [one for one in every if not one.is_muted],
        "muted": [one for one in every if one.is_muted],
    }


async def change(request: Request) -> Response:
    """POST /settings/notifications: each `tell` is `reason:kind`; what is not sent is refused."""
    wanted = frozenset((await request.form()).all("tell"))
    every = ((reason, kind) for reason in choices.REASONS for kind in choices.KINDS)
    refused = [(reason, kind) for reason, kind in every if f"{reason}:{kind}" not in wanted]
    await request.run(partial(choices.refuse, request.hub.database, request.caller.user_id, refused))
    return frame.saved("notifications")


ROUTES = (
    Route("GET", "/settings/notifications", Needs.SESSION, show),
    Route("POST", "/settings/notifications", Needs.SESSION, change, _FORM_BYTES_MAX),
)
