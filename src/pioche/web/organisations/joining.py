"""/organizations/{name}/join: following a link of invitation, or asking to be let in (ui.md U2)."""

from pioche.accounts import join_requests, org_invitations
from pioche.accounts.account import Account
from pioche.accounts.members import Role
from pioche.errors import BadRequest, Forbidden
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web import layout
from pioche.web.forms import DONE, Form
from pioche.web.organisations import frame, roles

_PATH = "/organizations/{name}/join"


async def show(request: Request) -> Response:
    """GET /organizations/{name}/join[?invitation=]."""
    return await _page(request, Form({"invitation": request.query.get("invitation") or ""}))


async def join(request: Request) -> Response:
    """POST /organizations/{name}/join: with what a link holds one is a member, without it one asks."""
    form = Form.of(await request.form(), "invitation", "text")
    org, user = await request.run(_both, request)
    database = request.hub.database
    if form["invitation"]:
        try:
            await request.run(org_invitations.follow_link, database, org, form["invitation"], user)
        except Forbidden:
            return await _page(request, form)  # which says that it does not count
        return redirect(f"/{org.name}", status=303)
    try:
        await request.run(join_requests.ask, database, org, user, form["text"])
    except BadRequest:
        form.errors["text"] = _("A message has at most 500 printable characters.")
        return await _page(request, form, status=422)
    return _back(org, "asked")


async def withdraw(request: Request) -> Response:
    """POST /organizations/{name}/join/withdraw."""
    org, user = await request.run(_both, request)
    await request.run(join_requests.withdraw, request.hub.database, org, user)
    return _back(org, "withdrawn")


def _both(request: Request) -> tuple[Account, Account]:
    directory = request.hub.directory
    return directory.get_org(request.params["name"]), directory.by_id(request.caller.user_id)


def _back(org: Account, what: str) -> Response:
    where = f"/organizations/{org.name}/join?{DONE}={what}"
    return redirect(where, status=303, headers=[("Cache-Control", "no-store")])


def _standing(request: Request, secret: str) -> tuple[Account, Role | None, bool, object]:
    """The organisation, the caller's role, whether they asked, and the invitation: None without one, False for one that
    does not count."""
    org, caller, database = request.hub.directory.get_org(request.params["name"]), request.caller, request.hub.database
    role = request.hub.directory.members.role(org.id, caller.user_id)
    is_waiting = join_requests.is_waiting(database, org, caller.user_id)
    if not secret:
        return org, role, is_waiting, None
    try:
        return org, role, is_waiting, org_invitations.find_link(database, org, secret)
    except Forbidden:
        return org, role, is_waiting, False


async def _page(request: Request, form: Form, *, status: int = 200) -> Response:
    org, role, is_waiting, invitation = await request.run(_standing, request, form["invitation"])
    if invitation is False:
        status = 403
    done = request.query.get(DONE) or "" if request.method == "GET" else ""
    return layout.page(
        request, "organisations/join.html", status=status, org=org, role=role, is_waiting=is_waiting,
        invitation=invitation, form=form, done=done, role_names=dict(roles.named()),
    )  # fmt: skip


ROUTES = (
    Route("GET", _PATH, Needs.SESSION, show),
    Route("POST", _PATH, Needs.SESSION, join, frame.FORM_BYTES_MAX),
    Route("POST", _PATH + "/withdraw", Needs.SESSION, withdraw, frame.FORM_BYTES_MAX),
)
