"""/organizations/{name}/settings/tokens: which tokens of its members count in an organisation (ui.md U3)."""

from typing import Final

from pioche.accounts.account import Account
from pioche.accounts.approvals import Policy, Seen, Status
from pioche.errors import Conflict, NotFound
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.organisations import frame

_PATH: Final = "/organizations/{name}/settings/tokens"
_POLICIES: Final = {
    "any": Policy(wants_fine_grained=False, approves=False),
    "fine-grained": Policy(wants_fine_grained=True, approves=False),
    "approved": Policy(wants_fine_grained=True, approves=True),
}
_DECISIONS: Final = {"approve": Status.APPROVED, "deny": Status.DENIED, "revoke": Status.REVOKED}


async def show(request: Request) -> Response:
    """GET /organizations/{name}/settings/tokens."""
    org = await request.run(frame.administered, request)
    return await _page(request, org, Form())


async def set_policy(request: Request) -> Response:
    """POST /organizations/{name}/settings/tokens."""
    org = await request.run(frame.administered, request)
    form = Form.of(await request.form(), "policy")
    policy = _POLICIES.get(form["policy"])
    if policy is None:
        form.errors["policy"] = _("Choose one of these.")
        return await _page(request, org, form, status=422)
    approvals = request.hub.directory.approvals
    await request.run(approvals.set_policy, org, policy, actor_id=request.caller.user_id)
    return frame.saved(org, "tokens")


async def decide(request: Request) -> Response:
    """POST /organizations/{name}/settings/tokens/{id}/{action}: approve, deny, revoke."""
    org = await request.run(frame.administered, request)
    text, action = request.params["id"], request.params["action"]
    if action not in _DECISIONS or not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("There is nothing at this address")
    try:
        await request.run(_decide, request, org, int(text), _DECISIONS[action])
    except Conflict as error:
        return await _page(request, org, Form(error=error.message), status=409)
    return frame.saved(org, "tokens", action)


def _decide(request: Request, org: Account, token_id: int, status: Status) -> None:
    directory = request.hub.directory
    directory.approvals.decide(org, token_id, status, actor=directory.by_id(request.caller.user_id))


async def _page(request: Request, org: Account, form: Form, *, status: int = 200) -> Response:
    policy, seen = await request.run(_found, request, org)
    if not form["policy"]:
        form.values["policy"] = next(name for name, one in _POLICIES.items() if one == policy)
    return frame.page(request, "tokens.html", "tokens", org, status=status, form=form, policy=policy, seen=seen)


def _found(request: Request, org: Account) -> tuple[Policy, list[Seen]]:
    approvals = request.hub.directory.approvals
    return approvals.policy(org.id), approvals.seen(org)


ROUTES = (
    Route("GET", _PATH, Needs.SESSION, show),
    Route("POST", _PATH, Needs.SESSION, set_policy, frame.FORM_BYTES_MAX),
    Route("POST", _PATH + "/{id}/{action}", Needs.SESSION, decide, frame.FORM_BYTES_MAX),
)
