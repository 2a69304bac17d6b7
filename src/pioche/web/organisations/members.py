"""/organizations/{name}/settings/members: who belongs to it, who is invited, who asks (ui.md U3)."""

from dataclasses import dataclass, field
from typing import Final

from pioche.accounts import join_requests, org_invitations
from pioche.accounts.account import Account
from pioche.accounts.join_requests import JoinRequest
from pioche.accounts.members import Member, Role
from pioche.accounts.org_invitations import Invitation
from pioche.errors import AccountNotFound, BadRequest, Conflict, NotFound
from pioche.http.messages import Request, Response
from pioche.http.routes import Handler, Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.organisations import frame, roles

_PAGE: Final = 100
_DAYS: Final = ("1", "7", "30", "90")
_USES: Final = ("1", "5", "25", "100", "")
_INVITE: Final = {"role": "read", "days": "7"}
_LINK: Final = {"role": "read", "days": "7", "uses": "1"}


@dataclass(slots=True)
class _Shown:
    """The forms of the tab, as they were sent, and what was just made. `error` is about the members."""

    invite: Form = field(default_factory=lambda: Form(dict(_INVITE)))
    link: Form = field(default_factory=lambda: Form(dict(_LINK)))
    made: str = ""
    error: str = ""
    status: int = 200


async def show(request: Request) -> Response:
    """GET /organizations/{name}/settings/members[?after=]."""
    org = await request.run(frame.administered, request)
    return await _page(request, org, _Shown())


async def change_role(request: Request) -> Response:
    """POST /organizations/{name}/settings/members/{user}/role."""
    org, user = await request.run(_member, request)
    role = Role.parse((await request.form()).get("role") or "")
    change = request.hub.directory.members.change
    try:
        await request.run(change, org, user, role, actor_id=request.caller.user_id)
    except Conflict:
        return await _last(request, org, user)
    return frame.saved(org, "members", "role")


async def remove(request: Request) -> Response:
    """POST /organizations/{name}/settings/members/{user}/remove."""
    org, user = await request.run(_member, request)
    try:
        await request.run(request.hub.directory.members.remove, org, user, actor_id=request.caller.user_id)
    except Conflict:
        return await _last(request, org, user)
    return frame.saved(org, "members", "removed")


async def invite(request: Request) -> Response:
    """POST /organizations/{name}/settings/members/invite: somebody by name."""
    org = await request.run(frame.administered, request)
    form = Form.of(await request.form(), "user", "role", "days")
    form.values["user"] = form["user"].strip()
    role, days = _asked(form)
    if role is not None and not form.is_wrong:
        await request.run(_invite, request, org, form, role, days)
    if form.is_wrong:
        return await _page(request, org, _Shown(invite=form, status=422))
    return frame.saved(org, "members", "invited")


async def make_link(request: Request) -> Response:
    """POST /organizations/{name}/settings/members/link: shown in this answer, and never again."""
    org = await request.run(frame.administered, request)
    form = Form.of(await request.form(), "role", "days", "uses")
    role, days = _asked(form)
    if form["uses"] not in _USES:
        form.errors["uses"] = _("Choose one of these.")
    if role is Role.ADMIN and form["uses"] != "1":
        form.errors["uses"] = _("A link that makes administrators is good for one person.")
    if role is None or form.is_wrong:
        return await _page(request, org, _Shown(link=form, status=422))
    uses = int(form["uses"]) if form["uses"] else None
    try:
        create = org_invitations.create_link
        caller_id = request.caller.user_id
        secret, _made = await request.run(create, request.hub.database, org, caller_id, role, days=days, uses=uses)
    except Conflict:
        form.error = _too_many()
        return await _page(request, org, _Shown(link=form, status=409))
    link = f"{request.base_url}/organizations/{org.name}/join?invitation={secret}"
    return await _page(request, org, _Shown(made=link))


async def revoke(request: Request) -> Response:
    """POST /organizations/{name}/settings/invitations/{id}/revoke."""
    org = await request.run(frame.administered, request)
    text, caller_id = request.params["id"], request.caller.user_id
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("There is no such invitation")
    await request.run(org_invitations.revoke, request.hub.database, org, int(text), actor_id=caller_id)
    return frame.saved(org, "members", "revoked")


async def answer(request: Request) -> Response:
    """POST /organizations/{name}/settings/join-requests/{user}: lets somebody in who asked, in a role, or does not."""
    org, user = await request.run(_member, request)
    sent = await request.form()
    database, caller_id = request.hub.database, request.caller.user_id
    if sent.get("answer") == "refuse":
        await request.run(join_requests.refuse, database, org, user, actor_id=caller_id)
        return frame.saved(org, "members", "refused")
    if sent.get("answer") != "accept":
        raise BadRequest('Say what the "answer" is: accept or refuse')
    role = Role.parse(sent.get("role") or "")
    await request.run(join_requests.accept, database, org, user, role, actor_id=caller_id)
    return frame.saved(org, "members", "accepted")


def _member(request: Request) -> tuple[Account, Account]:
    org = frame.administered(request)
    return org, request.hub.directory.get_user(request.params["user"])


def _asked(form: Form) -> tuple[Role | None, int]:
    role = roles.parse(form["role"])
    if role is None:
        form.errors["role"] = _("Choose one of these.")
    if form["days"] not in _DAYS:
        form.errors["days"] = _("Choose one of these.")
        return role, 0
    return role, int(form["days"])


def _invite(request: Request, org: Account, form: Form, role: Role, days: int) -> None:
    """For a worker thread. What is wrong stands in the form then. An address is invited where the hub sends mail, and whether
    somebody has it is told to nobody."""
    directory = request.hub.directory
    try:
        if "@" in form["user"] and request.hub.config.sends_mail:
            org_invitations.invite_address(
                request.hub.database, org, request.caller.user_id, form["user"], role, days=days
            )
            return
        user = directory.get_user(form["user"])
        if user.is_suspended:
            raise AccountNotFound("This user does not exist")
        if directory.members.role(org.id, user.id) is not None:
            form.errors["user"] = _("They are a member already.")
            return
        org_invitations.invite(request.hub.database, org, request.caller.user_id, user, role, days=days)
    except AccountNotFound:
        form.errors["user"] = _("There is nobody of this name.")
    except BadRequest:
        form.errors["user"] = _("This is not an email address.")
    except Conflict:
        form.error = _too_many()


def _too_many() -> str:
    return _("Too many invitations wait: withdraw some first.")


async def _last(request: Request, org: Account, user: Account) -> Response:
    told = _("%(name)s is the last administrator: make somebody else one first.") % {"name": user.name}
    return await _page(request, org, _Shown(error=told, status=409))


@dataclass(frozen=True, slots=True)
class _Found:
    members: list[Member]
    count: int
    invitations: list[Invitation]
    requests: list[JoinRequest]


def _found(request: Request, org: Account) -> _Found:
    members, database = request.hub.directory.members, request.hub.database
    after = (request.query.get("after") or "") if request.method == "GET" else ""
    return _Found(
        members.of(org, after=after, limit=_PAGE + 1),
        members.count(org),
        org_invitations.waiting_of(database, org),
        join_requests.waiting_of(database, org),
    )


async def _page(request: Request, org: Account, shown: _Shown) -> Response:
    found = await request.run(_found, request, org)
    more = found.members[_PAGE - 1].account.name if len(found.members) > _PAGE else ""
    return frame.page(
        request, "members.html", "members", org, status=shown.status, shown=shown, found=found,
        members=found.members[:_PAGE], more=more, roles=roles.named(), meanings=roles.explained(), days=_DAYS, uses=_USES,
        sends_mail=request.hub.config.sends_mail,
    )  # fmt: skip


_SETTINGS = "/organizations/{name}/settings"
_POSTS: tuple[tuple[str, Handler], ...] = (
    ("/members/invite", invite),
    ("/members/link", make_link),
    ("/invitations/{id}/revoke", revoke),
    ("/join-requests/{user}", answer),
    ("/members/{user}/role", change_role),
    ("/members/{user}/remove", remove),
)
ROUTES = (
    Route("GET", _SETTINGS + "/members", Needs.SESSION, show),
    *(Route("POST", _SETTINGS + path, Needs.SESSION, handler, frame.FORM_BYTES_MAX) for path, handler in _POSTS),
)
