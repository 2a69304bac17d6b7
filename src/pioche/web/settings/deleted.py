"""/settings/deleted-repos: what was deleted and can still be restored (reliability.md J7)."""

from functools import partial

from pioche.errors import AccountNotFound, AlreadyExists, Forbidden, HubError, InvalidName, NotFound
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.names import RepoId
from pioche.repos import undo
from pioche.repos.access import Action
from pioche.web.forms import Form
from pioche.web.settings import frame

_FORM_BYTES_MAX = 64 * 1024


async def listing(request: Request) -> Response:
    """GET /settings/deleted-repos."""
    return await _page(request, Form())


async def restore(request: Request) -> Response:
    """POST /settings/deleted-repos/{uid}/restore: under `name` (owner/name) where its own was taken meanwhile."""
    form = Form.of(await request.form(), "name")
    uid, name = request.params["uid"], form["name"].strip()
    try:
        restored: RepoId = await request.run(_restored, request, uid, name)
    except (AlreadyExists, InvalidName, AccountNotFound, Forbidden, NotFound) as error:
        form.error = _words(error)
        return await _page(request, form, status=error.status)
    return redirect(restored.web_path, status=303, headers=[("Cache-Control", "no-store")])


def _restored(request: Request, uid: str, name: str) -> RepoId:
    repo = request.hub.access.open_deleted_sync(request.caller, uid, Action.MANAGE)
    return request.hub.catalog.restore(request.caller, repo, name)


def _words(error: HubError) -> str:
    if isinstance(error, AlreadyExists):
        return _("Its name is taken meanwhile: give another one to restore it under.")
    if isinstance(error, InvalidName):
        return _("A whole name is made of an owner, “/” and a name.")
    if isinstance(error, Forbidden):
        return _("You may not create repositories in the name of this owner.")
    return _("It is not there any more, or you may not restore it.")


async def _page(request: Request, form: Form, *, status: int = 200) -> Response:
    hub = request.hub
    find = partial(undo.deleted_repos, undo_hours=hub.config.undo_repo_hours)
    found = await request.run(find, hub.database, request.caller)
    return frame.page(request, "deleted.html", "deleted-repos", status=status, form=form, repos=found)


ROUTES = (
    Route("GET", "/settings/deleted-repos", Needs.SESSION, listing),
    Route("POST", "/settings/deleted-repos/{uid}/restore", Needs.SESSION, restore, _FORM_BYTES_MAX),
)
