"""/organizations/{name}/settings/account: another name for an organisation, leaving it, deleting it."""

from functools import partial

from pioche.accounts import former_names, renaming
from pioche.accounts.account import Account
from pioche.errors import AlreadyExists, Conflict, InvalidName
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import DONE, Form
from pioche.web.organisations import frame

_PATH = "/organizations/{name}/settings/account"
_MINE = "/settings/organizations"


async def show(request: Request) -> Response:
    """GET /organizations/{name}/settings/account."""
    return await _page(request, await request.run(frame.administered, request), Form())


async def rename(request: Request) -> Response:
    """POST /organizations/{name}/settings/account/name: `name` is the new one, `old_name` has to be typed."""
    org = await request.run(frame.administered, request)
    form = Form.of(await request.form(), "name", "old_name")
    name = form["name"].strip()
    if form["old_name"].strip() != org.name:
        form.errors["old_name"] = _("Type the name of the organisation.")
        return await _page(request, org, form, status=422)
    try:
        change = partial(renaming.rename, actor_id=request.caller.user_id)
        name = await request.run(change, request.hub.database, org, name)
    except AlreadyExists:
        form.errors["name"] = _("This name is taken, or was somebody’s: choose another one.")
    except InvalidName:
        form.errors["name"] = _("This cannot be a name: use letters, digits, “-” and “_”.")
    except Conflict:
        form.errors["name"] = _("It has had too many names: take one of those that it had.")
    if form.is_wrong:
        return await _page(request, org, form, status=422)
    where = f"/organizations/{name}/settings/account?{DONE}=renamed"
    return redirect(where, status=303, headers=[("Cache-Control", "no-store")])


async def delete(request: Request) -> Response:
    """POST /organizations/{name}/settings/account/delete: its name has to be typed."""
    org = await request.run(frame.administered, request)
    form = Form.of(await request.form(), "confirm")
    if form["confirm"].strip() != org.name:
        form.errors["confirm"] = _("Type the name of the organisation.")
        return await _page(request, org, form, status=422)
    try:
        await request.run(request.hub.directory.remove_org, org, actor_id=request.caller.user_id)
    except Conflict:
        form.error = _("It still owns repositories: delete or move them first.")
        return await _page(request, org, form, status=409)
    return redirect(f"{_MINE}?{DONE}=deleted", status=303, headers=[("Cache-Control", "no-store")])


async def leave(request: Request) -> Response:
    """POST /organizations/{name}/leave: any member, but not the last administrator."""
    directory = request.hub.directory
    org = await request.run(directory.get_org, request.params["name"])
    user = await request.run(directory.by_id, request.caller.user_id)
    try:
        await request.run(directory.members.remove, org, user, actor_id=user.id)
    except Conflict:
        return redirect(f"{_MINE}?{DONE}=last", status=303, headers=[("Cache-Control", "no-store")])
    return redirect(f"{_MINE}?{DONE}=left", status=303, headers=[("Cache-Control", "no-store")])


async def _page(request: Request, org: Account, form: Form, *, status: int = 200) -> Response:
    role = await request.run(request.hub.directory.members.role, org.id, request.caller.user_id)
    return frame.page(
        request, "account.html", "account", org, status=status, form=form, role=role, names_max=former_names.KEPT_MAX
    )


ROUTES = (
    Route("GET", _PATH, Needs.SESSION, show),
    Route("POST", _PATH + "/name", Needs.SESSION, rename, frame.FORM_BYTES_MAX),
    Route("POST", _PATH + "/delete", Needs.SESSION, delete, frame.FORM_BYTES_MAX),
    Route("POST", "/organizations/{name}/leave", Needs.SESSION, leave, frame.FORM_BYTES_MAX),
)
