"""What the pages of a repo's settings share."""

from typing import Any

from pioche.http.messages import Request, Response, redirect
from pioche.i18n.texts import gettext as _
from pioche.names import RepoId
from pioche.web import layout
from pioche.web.forms import Form
from pioche.web.repo import heads

FORM_BYTES_MAX = 256 * 1024
DONE = "done"
"""The query parameter that says, after a form was sent, what came of it."""


async def page(request: Request, current: str, form: Form, *, status: int = 200, **values: Any) -> Response:
    """The page `current` of the list; `done` is what was just changed, if anything."""
    head = await heads.head(request)
    done = (request.query.get(DONE) or "") if request.method == "GET" else ""
    return await request.run(
        layout.page, request, f"repo_settings/{current}.html", status=status, repo_id=request.repo.repo_id,
        tab="settings", head=head, current=current, done=done, form=form, **values,
    )  # fmt: skip


def saved(repo_id: RepoId, what: str, where: str = "") -> Response:
    """Back to the page, which says so: sending the form again by reloading is not possible then."""
    address = f"{repo_id.web_path}/settings{where}?{DONE}={what}"
    return redirect(address, status=303, headers=[("Cache-Control", "no-store")])


def check_typed(form: Form, name: str, repo_id: RepoId) -> None:
    """What cannot be taken back is confirmed by the repo's whole name, typed into the field `name`."""
    if form[name].strip().lower() != repo_id.key:
        form.errors[name] = _("Type %(name)s to confirm.") % {"name": repo_id}
