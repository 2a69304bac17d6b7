"""/settings/publishers: whose jobs may read in one's own name, without a secret."""

from pioche.accounts import publishers
from pioche.errors import Conflict
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web import publishing
from pioche.web.forms import Form
from pioche.web.publishing import Shown, Wanted
from pioche.web.settings import frame


async def listing(request: Request) -> Response:
    """GET /settings/publishers."""
    return await _page(request, Form())


async def add(request: Request) -> Response:
    """POST /settings/publishers: `issuer`, `claims`, one a line, and `reads_private`."""
    form, wanted = await publishing.sent(request)
    if wanted is None:
        return await _page(request, form, status=422)
    try:
        await request.run(_add, request, wanted, reads_private=bool(form["reads_private"]))
    except Conflict as error:
        form.error = _("There is such a publisher already, or there are as many as there may be.")
        return await _page(request, form, status=error.status)
    return frame.saved("publishers", "added")


async def remove(request: Request) -> Response:
    """POST /settings/publishers/{id}/remove."""
    await request.run(_remove, request, publishing.number(request.params["id"]))
    return frame.saved("publishers", "removed")


def _add(request: Request, wanted: Wanted, *, reads_private: bool) -> None:
    user = frame.account(request)
    publishers.add(request.hub.database, user, wanted.issuer, wanted.claims, reads_private=reads_private)


def _remove(request: Request, id_: int) -> None:
    publishers.remove(request.hub.database, frame.account(request), id_)


def _found(request: Request) -> list[Shown]:
    return publishing.shown(request, publishers.of_user(request.hub.database, request.caller.user_id))


async def _page(request: Request, form: Form, *, status: int = 200) -> Response:
    found = await request.run(_found, request)
    return frame.page(
        request, "publishers.html", "publishers", status=status, form=form, found=found,
        minutes=request.hub.config.publisher_token_minutes,
    )  # fmt: skip


ROUTES = (
    Route("GET", "/settings/publishers", Needs.SESSION, listing),
    Route("POST", "/settings/publishers", Needs.SESSION, add, publishing.FORM_BYTES_MAX),
    Route("POST", "/settings/publishers/{id}/remove", Needs.SESSION, remove, publishing.FORM_BYTES_MAX),
)
