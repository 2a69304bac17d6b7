"""/organizations/{name}/sso: a member shows the organisation who they are at its own provider."""

from pioche.accounts import org_sso
from pioche.accounts.account import Account
from pioche.accounts.org_sso import Settings
from pioche.errors import Forbidden
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.web import layout
from pioche.web.sessions import targets
from pioche.web.sso import going, saml
from pioche.web.sso.going import Purpose

_PATH = "/organizations/{name}/sso"
_FORM_BYTES_MAX = 64 * 1024


async def show(request: Request) -> Response:
    """GET /organizations/{name}/sso?next=..."""
    org, found = await request.run(_found, request)
    target = targets.safe(request.query.get("next") or f"/{org.name}")
    return layout.page(request, "sso/organisation.html", org=org, provider=found, next=target)


async def begin(request: Request) -> Response:
    """POST /organizations/{name}/sso."""
    org, found = await request.run(_found, request)
    target = targets.safe((await request.form()).get("next"))
    purpose = Purpose(what="organisation", realm=org.uid, next=target, session=request.caller.session_id)
    if found.kind == "saml":
        return saml.leave(request, org, found, purpose)
    return await going.leave(request, found.provider, purpose)


async def callback(request: Request) -> Response:
    """GET /login/sso/{uid}/callback: where the organisation's provider sends people back to."""
    org = await request.run(org_sso.by_uid, request.hub.database, request.params["uid"])
    settings = await request.run(org_sso.get, request.hub.database, org)
    found = await going.returned(request, settings.provider, org.uid)
    await request.run(saml.signed_in, request, org, found.claims)
    answer = redirect(found.purpose.next, status=303, headers=[("Cache-Control", "no-store")])
    return going.over(request, answer)


def _found(request: Request) -> tuple[Account, Settings]:
    database = request.hub.database
    org = request.hub.directory.get_org(request.params["name"])
    if not org_sso.may_sign_in(database, org, request.caller.user_id):
        raise Forbidden(f"This is for members of {org.name}")
    return org, org_sso.get(database, org)


ROUTES = (
    Route("GET", _PATH, Needs.SESSION, show),
    Route("POST", _PATH, Needs.SESSION, begin, _FORM_BYTES_MAX),
    Route("GET", "/login/sso/{uid}/callback", Needs.SESSION, callback),
)
