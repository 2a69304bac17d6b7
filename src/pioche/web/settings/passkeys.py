"""Passkeys on /settings/authentication: made after the password was asked for once more, removed again (ui.md T2, T7)."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from pioche.accounts import passkeys
from pioche.accounts.account import Account
from pioche.accounts.passkeys import Party
from pioche.errors import BadRequest, Conflict, NotFound, SignatureExpired
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.settings import frame, proof

_FORM_BYTES_MAX = 64 * 1024
_PATH = "/settings/authentication/passkeys"
_MAKING = "making-a-passkey"
_SECONDS = 900
_CHALLENGE_BYTES = 32


async def begin(request: Request) -> Response:
    """POST .../passkeys/begin: the password; then a page on which the browser makes the passkey."""
    form = Form.of(await request.form(), "password")
    user, status = await proof.ask(request, form, "password")
    if user is None:
        return frame.page(
            request, "passkey_password.html", "authentication", status=status, form=form, username=request.caller.name
        )
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    claims = {
        "user": user.id,
        "session": request.caller.session_id,
        "challenge": urlsafe_b64encode(challenge).decode(),
    }
    ticket = request.hub.keyring.seal(_MAKING, claims, seconds=_SECONDS)
    return await _making(request, user, ticket, challenge, Form())


async def add(request: Request) -> Response:
    """POST .../passkeys: the ticket, the name, and what the browser made."""
    form = Form.of(await request.form(), "ticket", "name", "credential")
    try:
        claims = request.hub.keyring.unseal(_MAKING, form["ticket"])
    except SignatureExpired:
        return _back()
    if (claims["user"], claims["session"]) != (request.caller.user_id, request.caller.session_id):
        return _back()
    user: Account = await request.run(frame.account, request)
    challenge = urlsafe_b64decode(claims["challenge"])
    form.check("name", passkeys.parse_name, _("A name has at most 100 printable characters."))
    if not form.is_wrong:
        await _try(request, user, challenge, form)
    if form.is_wrong:
        return await _making(request, user, form["ticket"], challenge, form, status=422)
    return frame.saved("authentication", "passkey")


async def remove(request: Request) -> Response:
    """POST .../passkeys/{id}/remove."""
    text = request.params["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("There is no such passkey")
    await request.run(_remove, request, int(text))
    return frame.saved("authentication", "passkey-removed")


async def _try(request: Request, user: Account, challenge: bytes, form: Form) -> None:
    """What stands against it, `form` says."""
    try:
        await request.run(_add, request, user, challenge, form)
    except BadRequest:
        form.error = _("The browser made no passkey for this hub. Try it again.")
    except Conflict:
        form.error = _("This passkey is here already, or you have as many as there may be: remove one first.")


async def _making(
    request: Request, user: Account, ticket: str, challenge: bytes, form: Form, *, status: int = 200
) -> Response:
    party = Party.of(request.base_url)
    options = await request.run(request.hub.directory.passkeys.wanted, user, party, challenge)
    answer = frame.page(
        request, "passkey_new.html", "authentication", status=status, form=form, ticket=ticket, options=options
    )
    answer.headers.append(("Cache-Control", "private, no-store"))
    return answer


def _add(request: Request, user: Account, challenge: bytes, form: Form) -> None:
    name = form["name"] or _("Passkey")
    request.hub.directory.passkeys.add(user, Party.of(request.base_url), challenge, form["credential"], name)


def _remove(request: Request, id_: int) -> None:
    request.hub.directory.passkeys.remove(frame.account(request), id_)


def _back() -> Response:
    return redirect("/settings/authentication", status=303, headers=[("Cache-Control", "no-store")])


ROUTES = (
    Route("POST", f"{_PATH}/begin", Needs.SESSION, begin, _FORM_BYTES_MAX),
    Route("POST", _PATH, Needs.SESSION, add, _FORM_BYTES_MAX),
    Route("POST", f"{_PATH}/{{id}}/remove", Needs.SESSION, remove, _FORM_BYTES_MAX),
)
