"""/{repo}/settings/storage: what takes room, and removing large files or history for good."""

from functools import partial

from pioche.errors import Forbidden, RevisionNotFound, StaleParent
from pioche.http import cursors
from pioche.http.messages import Request, Response
from pioche.http.routes import Route
from pioche.i18n.texts import gettext as _
from pioche.names import DEFAULT_REF, Sha256
from pioche.repos import history, large_files, sharing
from pioche.repos.access import Action
from pioche.web.forms import Form
from pioche.web.repo_settings import frame

_PAGE = 100
_MESSAGE = "Super-squash branch"
_MESSAGE_CHARACTERS_MAX = 500
_HASH_DIGITS = frozenset("0123456789abcdef")


async def storage(request: Request) -> Response:
    """GET /{repo}/settings/storage[?after=]."""
    return await _show(request, Form())


async def remove(request: Request) -> Response:
    """POST /{repo}/settings/storage/files: each `sha` goes; `history` is rewrite or keep; `files_confirm` the whole name."""
    sent = await request.form()
    form = Form.of(sent, "history", "files_confirm")
    chosen = [Sha256(sha) for sha in dict.fromkeys(sent.all("sha")) if len(sha) == 64 and _HASH_DIGITS.issuperset(sha)]
    if not chosen:
        form.errors["files"] = _("Nothing was chosen.")
    if form["history"] not in ("rewrite", "keep"):
        form.errors["history"] = _("Choose one of these.")
    frame.check_typed(form, "files_confirm", request.repo.repo_id)
    if form.is_wrong:
        return await _show(request, form, chosen=chosen, status=422)
    try:
        delete = partial(large_files.remove, rewrite_history=form["history"] == "rewrite")
        await request.run(delete, request.repo, request.caller, chosen)
    except (Forbidden, StaleParent) as error:
        form.error = _refused(error)
        return await _show(request, form, chosen=chosen, status=error.status)
    return frame.saved(request.repo.repo_id, "removed", "/storage")


async def squash(request: Request) -> Response:
    """POST /{repo}/settings/storage/squash: `branch` becomes one commit; `squash_confirm` is the whole name."""
    form = Form.of(await request.form(), "branch", "message", "squash_confirm")
    frame.check_typed(form, "squash_confirm", request.repo.repo_id)
    message = " ".join(form["message"].split())[:_MESSAGE_CHARACTERS_MAX] or _MESSAGE
    if form.is_wrong:
        return await _show(request, form, status=422)
    branch = form["branch"].strip() or DEFAULT_REF.removeprefix("refs/heads/")
    try:
        await request.run(history.squash, request.repo, request.caller, branch, message)
    except RevisionNotFound as error:
        form.errors["branch"] = _("There is no such branch.")
        return await _show(request, form, status=error.status)
    except (Forbidden, StaleParent) as error:
        form.error = _refused(error)
        return await _show(request, form, status=error.status)
    return frame.saved(request.repo.repo_id, "squashed", "/storage")


def _refused(error: Forbidden | StaleParent) -> str:
    if isinstance(error, Forbidden):
        return _("A branch is protected: an owner takes the protection off first.")
    return _("Somebody changed the repository meanwhile. Nothing was done; try again.")


async def _show(request: Request, form: Form, *, chosen: list[Sha256] | None = None, status: int = 200) -> Response:
    after = cursors.decode(request.query.get("after"))
    page = await request.run(partial(large_files.listing, request.repo, after=after, limit=_PAGE))
    measured = await request.run(sharing.measure, request.repo, request.caller)
    next_after = cursors.encode(page.next_after) if page.next_after else None
    return await frame.page(
        request, "storage", form, status=status, files=page.files, next_after=next_after, sharing=measured,
        chosen=frozenset(chosen or ()), message=_MESSAGE,
    )  # fmt: skip


ROUTES = (
    Route("GET", "/{repo:web}/settings/storage", Action.MANAGE, storage),
    Route("POST", "/{repo:web}/settings/storage/files", Action.MANAGE, remove, frame.FORM_BYTES_MAX),
    Route("POST", "/{repo:web}/settings/storage/squash", Action.MANAGE, squash, frame.FORM_BYTES_MAX),
)
