"""The second factor on /settings/authentication: turned on with a QR code, recovery codes shown once, turned off again.

Each change asks for the password once more, and turning it off for a code as well (ui.md T7).
"""

from typing import Any

import segno

from pioche.accounts import second_factors
from pioche.accounts.account import Account
from pioche.errors import BadRequest, Conflict, SignatureExpired, TooManyRequests, Unauthenticated
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.sessions import second_step, waiting
from pioche.web.settings import frame, proof

_FORM_BYTES_MAX = 64 * 1024
_PATH = "/settings/authentication/second-factor"
_SETTING_UP, _SHOWN_CODES = "second-factor", "recovery-codes"
_SECONDS = 900


async def begin(request: Request) -> Response:
    """POST .../second-factor: the password; then the QR code of a new secret, which is nowhere yet but on this page."""
    form = Form.of(await request.form(), "password")
    user, status = await proof.ask(request, form, "password")
    if user is None:
        return await _section(request, form, "on", status)
    secret = second_factors.new_secret()
    claims = {"user": user.id, "session": request.caller.session_id, "secret": secret}
    ticket = request.hub.keyring.seal(_SETTING_UP, claims, seconds=_SECONDS)
    return _set_up(request, user, secret, ticket, Form())


async def begin_passkeys(request: Request) -> Response:
    """POST .../second-factor/passkeys: the password; from now on it opens nothing without a passkey."""
    form = Form.of(await request.form(), "password")
    user, status = await proof.ask(request, form, "password")
    if user is None:
        return await _section(request, form, "passkeys", status)
    try:
        codes = await request.run(_turn_on_passkeys, request, user)
    except Conflict:
        return _back()
    return _codes(request, user, codes, is_new=True)


async def confirm(request: Request) -> Response:
    """POST .../second-factor/confirm: the first code shows that the app has the secret. Now it counts."""
    form = Form.of(await request.form(), "ticket", "code")
    try:
        claims = request.hub.keyring.unseal(_SETTING_UP, form["ticket"])
    except SignatureExpired:
        return _back()
    if (claims["user"], claims["session"]) != (request.caller.user_id, request.caller.session_id):
        return _back()
    user = await request.run(frame.account, request)
    try:
        codes = await request.run(_turn_on, request, user, claims["secret"], form["code"])
    except BadRequest:
        form.errors["code"] = _("This is not the code that the app shows now. Is the clock of your telephone right?")
        return _set_up(request, user, claims["secret"], form["ticket"], form, status=422)
    except Conflict:
        return _back()
    return _codes(request, user, codes, is_new=True)


async def renew_codes(request: Request) -> Response:
    """POST .../second-factor/recovery-codes: the password; the old ones count no more."""
    form = Form.of(await request.form(), "password")
    user, status = await proof.ask(request, form, "password")
    if user is None:
        return await _section(request, form, "codes", status)
    try:
        codes = await request.run(request.hub.directory.second_factors.renew_codes, user)
    except Conflict:
        return _back()
    return _codes(request, user, codes, is_new=False)


async def download_codes(request: Request) -> Response:
    """POST .../second-factor/recovery-codes/download: the page's own codes, as a file: it works without scripts."""
    try:
        claims = request.hub.keyring.unseal(_SHOWN_CODES, (await request.form()).get("ticket") or "")
    except SignatureExpired:
        return _back()
    if claims["user"] != request.caller.user_id:
        return _back()
    lines = [_("Recovery codes of %(name)s on %(hub)s") % {"name": request.caller.name, "hub": _host(request)}, ""]
    text = "\n".join([*lines, *claims["codes"], ""])
    name = f"pioche-recovery-codes-{request.caller.name}.txt"
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Disposition", f"attachment; filename={name}"),
        ("Cache-Control", "private, no-store"),
    ]
    return Response(200, headers, text.encode())


async def turn_off(request: Request) -> Response:
    """POST .../second-factor/off: the password, and a code."""
    form = Form.of(await request.form(), "password", "code")
    user, status = await proof.ask(request, form, "password")
    if user is None:
        return await _section(request, form, "off", status)
    try:
        await request.run(second_step.use, request, user, form["code"])
    except TooManyRequests as error:
        form.error = waiting.words(error)
        return await _section(request, form, "off", error.status)
    except Unauthenticated:
        form.errors["code"] = second_step.wrong_code()
        return await _section(request, form, "off", 422)
    await request.run(_turn_off, request, user)
    return frame.saved("authentication", "second-factor-off")


async def _section(request: Request, form: Form, which: str, status: int) -> Response:
    """What was wrong with one of the forms, on a page of its own: the same three fields are on it, and nothing else."""
    factor = await request.run(request.hub.directory.second_factors.of, request.caller.user_id)
    return frame.page(
        request, "second_factor.html", "authentication", status=status,
        form=form, factor=factor, only=which, username=request.caller.name,
    )  # fmt: skip


def _set_up(request: Request, user: Account, secret: str, ticket: str, form: Form, *, status: int = 200) -> Response:
    address = second_factors.address(secret, user.name, _host(request))
    picture = segno.make(address, micro=False, error="m").svg_inline(
        scale=5, border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )
    spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return _page(request, "second_factor_set_up.html", status=status, form=form, ticket=ticket, picture=picture,
        secret=spaced, address=address)  # fmt: skip


def _codes(request: Request, user: Account, codes: list[str], *, is_new: bool) -> Response:
    claims = {"user": user.id, "codes": codes}
    ticket = request.hub.keyring.seal(_SHOWN_CODES, claims, seconds=_SECONDS)
    return _page(request, "recovery_codes.html", codes=codes, ticket=ticket, is_new=is_new)


def _page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    answer = frame.page(request, template, "authentication", status=status, **values)
    answer.headers.append(("Cache-Control", "private, no-store"))
    return answer


def _turn_on(request: Request, user: Account, secret: str, code: str) -> list[str]:
    session_id = request.caller.session_id
    return request.hub.directory.second_factors.turn_on(user, secret, code, session_id=session_id)


def _turn_on_passkeys(request: Request, user: Account) -> list[str]:
    return request.hub.directory.second_factors.turn_on_passkeys(user, session_id=request.caller.session_id)


def _turn_off(request: Request, user: Account) -> None:
    request.hub.directory.second_factors.turn_off(user, actor_id=user.id)


def _host(request: Request) -> str:
    return request.base_url.partition("://")[2]


def _back() -> Response:
    return redirect("/settings/authentication", status=303, headers=[("Cache-Control", "no-store")])


ROUTES = (
    Route("POST", _PATH, Needs.SESSION, begin, _FORM_BYTES_MAX),
    Route("POST", f"{_PATH}/passkeys", Needs.SESSION, begin_passkeys, _FORM_BYTES_MAX),
    Route("POST", f"{_PATH}/confirm", Needs.SESSION, confirm, _FORM_BYTES_MAX),
    Route("POST", f"{_PATH}/recovery-codes", Needs.SESSION, renew_codes, _FORM_BYTES_MAX),
    Route("POST", f"{_PATH}/recovery-codes/download", Needs.SESSION, download_codes, _FORM_BYTES_MAX),
    Route("POST", f"{_PATH}/off", Needs.SESSION, turn_off, _FORM_BYTES_MAX),
)
