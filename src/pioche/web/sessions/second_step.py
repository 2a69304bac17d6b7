"""The second step of signing in: a code or a passkey, of whoever has a second factor, after the right password.

In between there is no session: a ticket, signed by the hub, says whose password it was, and is good for ten minutes and as
long as the password stays the same.
"""

from typing import Any

from pioche.accounts import failures
from pioche.accounts.account import Account
from pioche.errors import HubError, SignatureExpired, TooManyRequests, Unauthenticated
from pioche.http import errors
from pioche.http.messages import Headers, Request, Response, redirect
from pioche.i18n.texts import gettext as _
from pioche.web import layout
from pioche.web.forms import Form
from pioche.web.sessions import entering, passkey, passwords, waiting

_PURPOSE = "second-step"
_SECONDS = 600


async def after_password(request: Request, user: Account, target: str, *, is_remembered: bool) -> Response:
    """Asks for a code where there is a second factor; otherwise they are in."""
    if await request.run(request.hub.directory.second_factors.of, user.id) is None:
        return await _onward(request, user, target, is_remembered=is_remembered)
    claims = {
        "user": user.id,
        "mark": await request.run(request.hub.directory.password_mark, user),
        "next": target,
        "remember": is_remembered,
    }
    return await _page(request, user, request.hub.keyring.seal(_PURPOSE, claims, seconds=_SECONDS), Form(), claims)


async def check(request: Request) -> Response:
    """POST /login/code: the ticket, and a code of the app or a recovery code."""
    form = Form.of(await request.form(), "ticket", "code")
    try:
        claims: dict[str, Any] = request.hub.keyring.unseal(_PURPOSE, form["ticket"])
        user = await request.run(passwords.bearer, request, claims["user"], claims["mark"])
    except (SignatureExpired, Unauthenticated):
        return redirect("/login", status=303, headers=[("Cache-Control", "no-store")])
    try:
        await request.run(use, request, user, form["code"])
    except TooManyRequests as error:
        form.error = waiting.words(error)
        return await _page(request, user, form["ticket"], form, claims, error)
    except Unauthenticated as error:
        form.errors["code"] = wrong_code()
        return await _page(request, user, form["ticket"], form, claims, error)
    return await _onward(request, user, claims["next"], is_remembered=claims["remember"])


def use(request: Request, user: Account, code: str) -> None:
    """For a worker thread: the guess is counted first. Raises Unauthenticated, TooManyRequests."""
    directory = request.hub.directory
    guess = failures.of_code(user.id, request.hub.addresses.client(request.scope, request.headers))
    directory.failures.count(guess)
    directory.second_factors.use(user, code)
    directory.failures.forgive(guess)


def wrong_code() -> str:
    return _("This code is not right, or was used already. Wait for the next one.")


async def _onward(request: Request, user: Account, target: str, *, is_remembered: bool) -> Response:
    if user.must_change_password:
        return await passwords.ask(request, user, target, is_remembered=is_remembered)
    return await entering.enter(request, user, target, is_remembered=is_remembered)


async def _page(
    request: Request, user: Account, ticket: str, form: Form, claims: dict[str, Any], error: HubError | None = None
) -> Response:
    factor = await request.run(request.hub.directory.second_factors.of, user.id)
    status = error.status if error else 200
    headers: Headers = [*(errors.headers(error) if error else []), ("Cache-Control", "no-store")]
    return layout.page(
        request,
        "sessions/second_step.html",
        status=status,
        headers=headers,
        form=form,
        ticket=ticket,
        username=user.name,
        has_app=factor is None or factor.has_app,
        question=passkey.question(request),
        next=claims["next"],
        remember="yes" if claims["remember"] else "",
    )
