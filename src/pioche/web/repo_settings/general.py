"""/{repo}/settings: its name and owner, who sees it, what people may do with it, deleting it."""

from pioche.accounts.account import Account
from pioche.errors import AccountNotFound, AlreadyExists, Forbidden, HubError, InvalidName
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Route
from pioche.i18n.texts import gettext as _
from pioche.repos import protection, switches
from pioche.repos.access import Action
from pioche.repos.catalog import Settings
from pioche.web import owners
from pioche.web.forms import Form
from pioche.web.repo_settings import frame, group


async def general(request: Request) -> Response:
    """GET /{repo}/settings."""
    return await _show(request, Form())


async def rename(request: Request) -> Response:
    """POST /{repo}/settings/name: `owner` and `name` are the new ones, `confirm` the whole old name."""
    repo, form = request.repo, Form.of(await request.form(), "owner", "name", "confirm")
    form.values["name"] = form["name"].strip()
    frame.check_typed(form, "confirm", repo.repo_id)
    if form.is_wrong:
        return await _show(request, form, status=422)
    try:
        moved = await request.run(request.hub.catalog.move, request.caller, repo, form["owner"], form["name"])
    except (AlreadyExists, InvalidName, Forbidden, AccountNotFound) as error:
        _refuse_name(form, error)
        return await _show(request, form, status=error.status)
    return frame.saved(moved, "moved")


def _refuse_name(form: Form, error: HubError) -> None:
    if isinstance(error, AlreadyExists):
        form.errors["name"] = _("This name is taken: choose another one.")
    elif isinstance(error, InvalidName):
        form.errors["name"] = _("Use 1 to 96 letters, digits, “-”, “_” and “.”.")
    else:
        form.errors["owner"] = _(
            "You may not give it to this owner: that takes an administrator of the organisation that has it now, and the right"
            " to create repositories where it goes."
        )


async def show_to(request: Request) -> Response:
    """POST /{repo}/settings/visibility: `visibility` is public or private, `sure` says that it is meant."""
    form = Form.of(await request.form(), "visibility", "sure")
    if form["visibility"] not in ("public", "private"):
        form.errors["visibility"] = _("Choose one of these.")
    if not form["sure"]:
        form.errors["sure"] = _("Confirm that this is what you want.")
    if form.is_wrong:
        return await _show(request, form, status=422)
    return await _change(request, Settings(private=form["visibility"] == "private"), form["visibility"])


async def allow(request: Request) -> Response:
    """POST /{repo}/settings/features: `discussions` and `duplication` are ticked where they are allowed."""
    form = Form.of(await request.form(), "discussions", "duplication")
    settings = Settings(discussions_off=not form["discussions"], duplication_off=not form["duplication"])
    return await _change(request, settings, "features")


async def run_code(request: Request) -> Response:
    """POST /{repo}/settings/code: `code` is ticked where the model's own code may run; an owner alone can tick it."""
    form = Form.of(await request.form(), "code")
    return await _change(request, Settings(code_allowed=bool(form["code"])), "code")


async def delete(request: Request) -> Response:
    """POST /{repo}/settings/delete: `delete_confirm` is its whole name."""
    repo, form = request.repo, Form.of(await request.form(), "delete_confirm")
    frame.check_typed(form, "delete_confirm", repo.repo_id)
    if form.is_wrong:
        return await _show(request, form, status=422)
    await request.run(request.hub.catalog.delete, request.caller, repo)
    where = f"/settings/deleted-repos?{frame.DONE}=deleted"
    return redirect(where, status=303, headers=[("Cache-Control", "no-store")])


async def _change(request: Request, settings: Settings, what: str) -> Response:
    await request.run(request.hub.catalog.change, request.caller, request.repo, settings)
    return frame.saved(request.repo.repo_id, what)


async def _show(request: Request, form: Form, *, status: int = 200) -> Response:
    names = await request.run(owners.of, request.hub, request.caller)
    now = await request.run(switches.read, request.repo)
    owner: Account = await request.run(request.hub.directory.by_id, request.repo.namespace_id)
    groups, group_now = await request.run(group.choices, request)
    return await frame.page(
        request, "general", form, status=status, now=now, groups=groups, group_now=group_now,
        is_owner=await request.run(protection.is_owner, request.repo, request.caller),
        runs_code=request.hub.config.runs_code, undo_hours=request.hub.config.undo_repo_hours,
        owners=list(dict.fromkeys([owner.name, *names])),
    )  # fmt: skip


ROUTES = (
    Route("GET", "/{repo:web}/settings", Action.MANAGE, general),
    Route("POST", "/{repo:web}/settings/name", Action.MANAGE, rename, frame.FORM_BYTES_MAX),
    Route("POST", "/{repo:web}/settings/visibility", Action.MANAGE, show_to, frame.FORM_BYTES_MAX),
    Route("POST", "/{repo:web}/settings/features", Action.MANAGE, allow, frame.FORM_BYTES_MAX),
    Route("POST", "/{repo:web}/settings/code", Action.MANAGE, run_code, frame.FORM_BYTES_MAX),
    *group.ROUTES,
    Route("POST", "/{repo:web}/settings/delete", Action.MANAGE, delete, frame.FORM_BYTES_MAX),
)
