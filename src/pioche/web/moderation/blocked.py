"""Whom one does not want to hear (ui.md C5, T6): one's own list, and that of an organisation for its administrators."""

from pioche.accounts import blocks
from pioche.accounts.account import Account
from pioche.errors import AccountNotFound, BadRequest
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web import layout
from pioche.web.forms import DONE, Form
from pioche.web.moderation import frame
from pioche.web.organisations import frame as organisation
from pioche.web.sessions import targets


async def own(request: Request) -> Response:
    """GET /settings/blocked."""
    return await _page(request, None, Form({"name": (request.query.get("name") or "")[:100]}))


async def block(request: Request) -> Response:
    """POST /settings/blocked: `name` is who; `undo` takes it back; `next` is where to go then."""
    return await _change(request, None, await request.run(_me, request))


async def of_organisation(request: Request) -> Response:
    """GET /organizations/{name}/settings/blocked."""
    org = await request.run(organisation.administered, request)
    return await _page(request, org, Form())


async def block_for_organisation(request: Request) -> Response:
    """POST /organizations/{name}/settings/blocked: as one's own."""
    org = await request.run(organisation.administered, request)
    return await _change(request, org, org)


def _me(request: Request) -> Account:
    return request.hub.directory.by_id(request.caller.user_id)


async def _change(request: Request, org: Account | None, blocker: Account) -> Response:
    sent = await request.form()
    form, database = Form.of(sent, "name"), request.hub.database
    form.values["name"] = form["name"].strip()
    change = blocks.unblock if sent.get("undo") else blocks.block
    try:
        other = await request.run(request.hub.directory.get, form["name"][:200])
        await request.run(lambda: change(database, blocker, other, actor_id=request.caller.user_id))
    except AccountNotFound:
        form.errors["name"] = _("Nobody here is called so.")
    except BadRequest as error:
        form.errors["name"] = error.message
    if form.is_wrong:
        return await _page(request, org, form, 422)
    where = targets.safe(sent.get("next")) if sent.get("next") else _base(org)
    return frame.saved(where, "unblocked" if sent.get("undo") else "blocked")


async def _page(request: Request, org: Account | None, form: Form, status: int = 200) -> Response:
    found = await request.run(blocks.of, request.hub.database, org.id if org else request.caller.user_id)
    done = request.query.get(DONE) or "" if request.method == "GET" else ""
    return layout.page(
        request,
        "moderation/blocked.html",
        status=status,
        frame="organisations/frame.html" if org else "settings/frame.html",
        current="blocked",
        org=org,
        base=_base(org),
        blocked=found,
        form=form,
        done=done,
    )


def _base(org: Account | None) -> str:
    return f"{organisation.base(org)}/blocked" if org else "/settings/blocked"


ROUTES = (
    Route("GET", "/settings/blocked", Needs.SESSION, own),
    Route("POST", "/settings/blocked", Needs.SESSION, block, frame.FORM_BYTES_MAX),
    Route("GET", "/organizations/{name}/settings/blocked", Needs.SESSION, of_organisation),
    Route(
        "POST", "/organizations/{name}/settings/blocked", Needs.SESSION, block_for_organisation, frame.FORM_BYTES_MAX
    ),
)
