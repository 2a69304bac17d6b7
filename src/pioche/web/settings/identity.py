"""/settings/name: another name, what the hub knows of somebody, deleting the account (ui.md T1, T7)."""

from functools import partial

from pioche.accounts import closing, former_names, overviews, renaming
from pioche.errors import AlreadyExists, Conflict, InvalidName
from pioche.http import cookies
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.http.sources import IteratorSource
from pioche.i18n.texts import gettext as _
from pioche.upkeep import personal
from pioche.web.forms import Form
from pioche.web.settings import frame, proof

_FORM_BYTES_MAX = 64 * 1024


async def show(request: Request) -> Response:
    """GET /settings/name."""
    return await _page(request, Form())


async def rename(request: Request) -> Response:
    """POST /settings/name: `name` is the new one, `password` the one of now."""
    form = Form.of(await request.form(), "name", "password")
    form.values["name"] = form["name"].strip()
    user, status = await proof.ask(request, form, "password")
    if user is None:
        return await _page(request, form, status=status)
    try:
        change = partial(renaming.rename, actor_id=user.id)
        await request.run(change, request.hub.database, user, form["name"])
    except AlreadyExists:
        form.errors["name"] = _("This name is taken, or was somebody’s: choose another one.")
    except InvalidName:
        form.errors["name"] = _("This cannot be a name: use letters, digits, “-” and “_”.")
    except Conflict:
        form.errors["name"] = _("You have changed your name too often: take one of those that you had.")
    if form.is_wrong:
        return await _page(request, form, status=422)
    return frame.saved("name", "renamed")


async def data(request: Request) -> Response:
    """GET /settings/data: a file of JSON, written while it is sent."""
    name = f"pioche-{request.caller.name}.json"
    kept = [("Content-Disposition", f"attachment; filename={name}"), ("Cache-Control", "private, no-store")]
    source = IteratorSource(partial(personal.document, request.hub.database, request.caller), None)
    await source.begin()
    return Response(200, [("Content-Type", "application/json; charset=utf-8"), *kept], source)


async def delete(request: Request) -> Response:
    """POST /settings/delete: `delete_name` and `delete_password` confirm, `with_repos` says that repos go too."""
    form = Form.of(await request.form(), "delete_name", "delete_password", "with_repos")
    if form["delete_name"].strip().lower() != request.caller.name.lower():
        form.errors["delete_name"] = _("Type %(name)s to confirm.") % {"name": request.caller.name}
        return await _page(request, form, status=422)
    user, status = await proof.ask(request, form, "delete_password")
    if user is None:
        return await _page(request, form, status=status)
    try:
        close = partial(closing.close, with_repos=bool(form["with_repos"]), actor_id=user.id)
        await request.run(close, request.hub.database, user)
    except Conflict:
        form.error = _("The account is not deleted: something below stands in its way.")
        return await _page(request, form, status=409)
    gone = [("Cache-Control", "no-store"), cookies.drop_session(request.base_url)]
    return redirect("/", status=303, headers=gone)


async def _page(request: Request, form: Form, *, status: int = 200) -> Response:
    user = await request.run(frame.account, request)
    alone = await request.run(closing.obstacles, request.hub.database, user)
    seen = await request.run(overviews.overview, request.hub.database, user, request.caller)
    return frame.page(
        request, "identity.html", "name", status=status, form=form, user=user, alone=alone,
        repo_count=seen.models + seen.datasets + seen.spaces, names_max=former_names.KEPT_MAX,
    )  # fmt: skip


ROUTES = (
    Route("GET", "/settings/name", Needs.SESSION, show),
    Route("POST", "/settings/name", Needs.SESSION, rename, _FORM_BYTES_MAX),
    Route("GET", "/settings/data", Needs.SESSION, data),
    Route("POST", "/settings/delete", Needs.SESSION, delete, _FORM_BYTES_MAX),
)
