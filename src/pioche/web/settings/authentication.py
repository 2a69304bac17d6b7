"""/settings/authentication: the password, passkeys, the second factor, and the browsers in which somebody is signed in."""

from functools import partial

from pioche.accounts.passkeys import Passkey
from pioche.accounts.sessions import Session
from pioche.errors import NotFound, TooManyRequests, Unauthenticated
from pioche.http import cookies
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.sessions import entering, passwords, waiting
from pioche.web.settings import frame, proof

_FORM_BYTES_MAX = 64 * 1024


async def authentication(request: Request) -> Response:
    """GET /settings/authentication."""
    return await _page(request, Form())


async def change_password(request: Request) -> Response:
    """POST /settings/authentication/password: every session ends, and a new one begins in this browser."""
    form = Form.of(await request.form(), "password", "new_password", "repeated")
    passwords.check_new(form)
    if form.is_wrong:
        return await _page(request, form, status=422)
    try:
        user, is_remembered = await request.run(proof.prove, request, form["password"])
    except TooManyRequests as error:
        form.error = waiting.words(error)
        return await _page(request, form, status=error.status)
    except Unauthenticated:
        form.errors["password"] = _("This is not your password.")
        return await _page(request, form, status=422)
    change = partial(request.hub.directory.set_password, actor_id=user.id)
    await request.run(change, user, form["new_password"])
    return await entering.enter(
        request, user, f"/settings/authentication?{frame.DONE}=password", is_remembered=is_remembered
    )


async def end_session(request: Request) -> Response:
    """POST /settings/authentication/sessions/{id}/end: also of this browser, which signs it out."""
    text, caller = request.params["id"], request.caller
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("There is no such session")
    await request.run(request.hub.directory.sessions.end, caller.user_id, int(text))
    if int(text) == caller.session_id:
        gone = [("Cache-Control", "no-store"), cookies.drop_session(request.base_url)]
        return redirect("/login", status=303, headers=gone)
    return frame.saved("authentication", "session")


async def end_others(request: Request) -> Response:
    """POST /settings/authentication/sessions/end-others."""
    caller = request.caller
    await request.run(request.hub.directory.sessions.end_others, caller.user_id, caller.session_id)
    return frame.saved("authentication", "sessions")


async def _page(request: Request, form: Form, *, status: int = 200) -> Response:
    found: list[Session] = await request.run(request.hub.directory.sessions.of, request.caller.user_id)
    factor = await request.run(request.hub.directory.second_factors.of, request.caller.user_id)
    passkeys: list[Passkey] = await request.run(request.hub.directory.passkeys.of, request.caller.user_id)
    return frame.page(
        request, "authentication.html", "authentication", status=status, form=form, sessions=found,
        here=request.caller.session_id, username=request.caller.name, factor=factor, passkeys=passkeys, nothing=Form(),
    )  # fmt: skip


ROUTES = (
    Route("GET", "/settings/authentication", Needs.SESSION, authentication),
    Route("POST", "/settings/authentication/password", Needs.SESSION, change_password, _FORM_BYTES_MAX),
    Route("POST", "/settings/authentication/sessions/end-others", Needs.SESSION, end_others, _FORM_BYTES_MAX),
    Route("POST", "/settings/authentication/sessions/{id}/end", Needs.SESSION, end_session, _FORM_BYTES_MAX),
)
