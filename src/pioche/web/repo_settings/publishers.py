"""/{repo}/settings/publishers: whose jobs may have a token that writes here, without a secret (ui.md S1)."""

from msgspec import structs

from pioche.accounts import publishers
from pioche.errors import Conflict
from pioche.http.messages import Request, Response
from pioche.http.routes import Route
from pioche.i18n.texts import gettext as _
from pioche.repos.access import Action
from pioche.web import publishing
from pioche.web.forms import Form
from pioche.web.publishing import Shown, Wanted
from pioche.web.repo_settings import frame


async def listing(request: Request) -> Response:
    """GET /{repo}/settings/publishers."""
    return await _page(request, Form())


async def add(request: Request) -> Response:
    """POST /{repo}/settings/publishers: `issuer`, and `claims`, one a line."""
    form, wanted = await publishing.sent(request)
    if wanted is None:
        return await _page(request, form, status=422)
    if not await request.run(_may_write, request):
        form.error = _(
            "You may change this repository as an administrator of the hub only, and no token carries that right."
        )
        return await _page(request, form, status=422)
    try:
        await request.run(_add, request, wanted)
    except Conflict as error:
        form.error = _("There is such a publisher already, or there are as many as there may be.")
        return await _page(request, form, status=error.status)
    return frame.saved(request.repo.repo_id, "added", "/publishers")


async def remove(request: Request) -> Response:
    """POST /{repo}/settings/publishers/{id}/remove."""
    await request.run(_remove, request, publishing.number(request.params["id"]))
    return frame.saved(request.repo.repo_id, "removed", "/publishers")


def _may_write(request: Request) -> bool:
    """Whether whoever asks may write by themselves: jobs act for them with no more than that."""
    plain = structs.replace(request.caller, is_admin=False)
    return request.hub.access.allows(plain, request.repo, Action.WRITE)


def _add(request: Request, wanted: Wanted) -> None:
    user, database = request.hub.directory.by_id(request.caller.user_id), request.hub.database
    publishers.add(database, user, wanted.issuer, wanted.claims, repo_id=request.repo.id)


def _remove(request: Request, id_: int) -> None:
    actor = request.hub.directory.by_id(request.caller.user_id)
    publishers.remove(request.hub.database, actor, id_, repo_id=request.repo.id)


def _found(request: Request) -> list[Shown]:
    return publishing.shown(request, publishers.of_repo(request.hub.database, request.repo.id))


async def _page(request: Request, form: Form, *, status: int = 200) -> Response:
    found = await request.run(_found, request)
    return await frame.page(
        request, "publishers", form, status=status, found=found, minutes=request.hub.config.publisher_token_minutes
    )


_PAGE = "/{repo:web}/settings/publishers"

ROUTES = (
    Route("GET", _PAGE, Action.MANAGE, listing),
    Route("POST", _PAGE, Action.MANAGE, add, publishing.FORM_BYTES_MAX),
    Route("POST", f"{_PAGE}/{{id}}/remove", Action.MANAGE, remove, publishing.FORM_BYTES_MAX),
)
