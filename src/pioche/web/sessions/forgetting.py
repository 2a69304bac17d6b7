"""/login/forgotten: a link to choose another password, sent to whoever is named, if they can be written to. The answer is the
same whoever there is, and takes as long: who is meant is looked up when the letter is written."""

from pioche.accounts import failures, letters
from pioche.errors import HubError, TooManyRequests
from pioche.http import errors
from pioche.http.messages import Headers, Request, Response
from pioche.i18n.texts import gettext as _
from pioche.web import layout
from pioche.web.forms import Form
from pioche.web.sessions import waiting

_CHARACTERS_MAX = 300


async def page(request: Request) -> Response:
    """GET /login/forgotten: the form; where the hub sends no mail, what to do instead."""
    return _page(request, Form())


async def send(request: Request) -> Response:
    """POST /login/forgotten: `username`, a name or an address."""
    form = Form.of(await request.form(), "username")
    asked = form["username"].strip()
    if not request.hub.config.sends_mail:
        return _page(request, form)
    if not asked or len(asked) > _CHARACTERS_MAX or not asked.isprintable():
        form.errors["username"] = _("Give your name or your address.")
        return _page(request, form, status=422)
    try:
        await request.run(_queue, request, asked)
    except TooManyRequests as error:
        form.error = waiting.words(error)
        return _page(request, form, error=error)
    return _page(request, form, is_sent=True)


def _queue(request: Request, asked: str) -> None:
    address = request.hub.addresses.client(request.scope, request.headers)
    request.hub.directory.failures.count(failures.of_letter(asked, address))
    letters.queue_reset(request.hub.database, asked)


def _page(
    request: Request, form: Form, *, status: int = 200, error: HubError | None = None, is_sent: bool = False
) -> Response:
    headers: Headers = errors.headers(error) if error else []
    return layout.page(
        request,
        "sessions/forgotten.html",
        status=error.status if error else status,
        headers=headers,
        form=form,
        sends_mail=request.hub.config.sends_mail,
        is_sent=is_sent,
    )
