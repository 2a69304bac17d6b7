"""/settings/organizations: those that somebody belongs to, is invited to, or asked to join."""

from typing import Any

from pioche.accounts import join_requests, org_invitations
from pioche.errors import NotFound
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.web.organisations import roles
from pioche.web.settings import frame

_FORM_BYTES_MAX = 64 * 1024
_PATH = "/settings/organizations"


async def listing(request: Request) -> Response:
    """GET /settings/organizations."""
    found = await request.run(_found, request)
    return frame.page(request, "organizations.html", "organizations", role_names=dict(roles.named()), **found)


async def accept(request: Request) -> Response:
    """POST /settings/organizations/invitations/{id}/accept."""
    user = await request.run(frame.account, request)
    name = await request.run(org_invitations.accept, request.hub.database, _id(request), user)
    return redirect(f"/{name}", status=303, headers=[("Cache-Control", "no-store")])


async def decline(request: Request) -> Response:
    """POST /settings/organizations/invitations/{id}/decline."""
    user = await request.run(frame.account, request)
    await request.run(org_invitations.decline, request.hub.database, _id(request), user)
    return frame.saved("organizations", "declined")


def _found(request: Request) -> dict[str, Any]:
    database, user_id = request.hub.database, request.caller.user_id
    return {
        "mine": request.hub.directory.members.orgs_of(user_id),
        "invitations": org_invitations.waiting_for(database, user_id),
        "requests": join_requests.waiting_for(database, user_id),
    }


def _id(request: Request) -> int:
    text = request.params["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound(org_invitations.GONE)
    return int(text)


ROUTES = (
    Route("GET", _PATH, Needs.SESSION, listing),
    Route("POST", _PATH + "/invitations/{id}/accept", Needs.SESSION, accept, _FORM_BYTES_MAX),
    Route("POST", _PATH + "/invitations/{id}/decline", Needs.SESSION, decline, _FORM_BYTES_MAX),
)
