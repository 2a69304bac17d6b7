"""/device: somebody types the code that a machine without a browser shows, sees who asks for what, and says yes or no.

That the code is in the link already (`verification_uri_complete`) saves the typing, not the looking: whoever sends somebody
such a link signs in with their account, if they say yes. So the page shows the code, and asks whether it is on their machine.
"""

from pioche.accounts import failures
from pioche.accounts.oauth import devices
from pioche.accounts.oauth.applications import Applications
from pioche.errors import NotFound, TooManyRequests
from pioche.http import errors
from pioche.http.messages import Query, Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web import layout
from pioche.web.forms import DONE, Form
from pioche.web.oauth import asking
from pioche.web.oauth.asking import Asking
from pioche.web.sessions import waiting

_FORM_BYTES_MAX = 64 * 1024
_CODE_CHARACTERS_MAX = 32


async def show(request: Request) -> Response:
    """GET /device?user_code=..."""
    code = (request.query.get("user_code") or "")[:_CODE_CHARACTERS_MAX]
    return _page(request, Form({"user_code": code}))


async def look(request: Request) -> Response:
    """POST /device: a guess, until it is right."""
    form = _form(await request.form())
    try:
        found = await request.run(_asking, request, form["user_code"])
    except TooManyRequests as error:
        form.error = waiting.words(error)
        return _page(request, form, error)
    except NotFound as error:
        form.errors["user_code"] = _(
            "There is no such code, or it is too old: codes are good for a quarter of an hour."
        )
        return _page(request, form, error)
    return layout.page(request, "oauth/device_answer.html", asking=found, code=form["user_code"])


async def answer(request: Request) -> Response:
    """POST /device/answer: `answer` is yes or no."""
    sent = await request.form()
    form, is_yes = _form(sent), sent.get("answer") == "yes"
    try:
        await request.run(_approve if is_yes else _deny, request, form["user_code"], sent)
    except TooManyRequests as error:
        form.error = waiting.words(error)
        return _page(request, form, error)
    except NotFound as error:
        form.error = _("This took too long, or was answered already. Begin again on the machine.")
        return _page(request, form, error)
    done = "connected" if is_yes else "denied"
    return redirect(f"/device?{DONE}={done}", status=303, headers=[("Cache-Control", "no-store")])


def _form(sent: Query) -> Form:
    form = Form.of(sent, "user_code")
    form.values["user_code"] = form["user_code"].strip().upper()[:_CODE_CHARACTERS_MAX]
    return form


def _asking(request: Request, code: str) -> Asking:
    """Raises NotFound, TooManyRequests: the guess is counted first."""
    guess = failures.of_device_code(
        request.caller.user_id, request.hub.addresses.client(request.scope, request.headers)
    )
    request.hub.directory.failures.count(guess)
    found = devices.waiting(request.hub.database, code)
    request.hub.directory.failures.forgive(guess)
    application = Applications(request.hub.database).by_client_id(found.client_id)
    return asking.asking(request, application, found.scopes)


def _approve(request: Request, code: str, sent: Query) -> None:
    found = _asking(request, code)
    signed = asking.agreed(request, sent, found.application, found.scopes)
    devices.approve(request.hub.database, code, signed)


def _deny(request: Request, code: str, _sent: Query) -> None:
    found = _asking(request, code)
    user = request.hub.directory.by_id(request.caller.user_id)
    devices.deny(request.hub.database, code, user, found.application)


def _page(request: Request, form: Form, error: NotFound | TooManyRequests | None = None) -> Response:
    status = 200 if error is None else 422 if isinstance(error, NotFound) else error.status
    headers = errors.headers(error) if isinstance(error, TooManyRequests) else []
    done = request.query.get(DONE) or "" if request.method == "GET" else ""
    return layout.page(request, "oauth/device.html", status=status, headers=headers, form=form, done=done)


ROUTES = (
    Route("GET", "/device", Needs.SESSION, show),
    Route("POST", "/device", Needs.SESSION, look, _FORM_BYTES_MAX),
    Route("POST", "/device/answer", Needs.SESSION, answer, _FORM_BYTES_MAX),
)
