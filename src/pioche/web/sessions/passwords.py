"""A password that somebody else knows (made by the hub, or by an administrator) is good for one thing: choosing one's own."""

from functools import partial

from pioche.accounts import passwords
from pioche.accounts.account import Account
from pioche.errors import AccountNotFound, BadRequest, SignatureExpired, Unauthenticated
from pioche.http.messages import Request, Response, redirect
from pioche.i18n.texts import gettext as _
from pioche.web import layout
from pioche.web.forms import Form
from pioche.web.sessions import entering

_PURPOSE = "new-password"
_SECONDS = 900


async def ask(request: Request, user: Account, target: str, *, is_remembered: bool) -> Response:
    """The form, for somebody who gave a one-time password. Its ticket is good until the password is another one."""
    claims = {
        "user": user.id,
        "mark": await request.run(request.hub.directory.password_mark, user),
        "next": target,
        "remember": is_remembered,
    }
    return _page(request, user, request.hub.keyring.seal(_PURPOSE, claims, seconds=_SECONDS), Form())


async def choose(request: Request) -> Response:
    """POST /login/password: the new password, twice, and the ticket."""
    sent = await request.form()
    ticket = sent.get("ticket") or ""
    try:
        claims = request.hub.keyring.unseal(_PURPOSE, ticket)
        user = await request.run(bearer, request, claims["user"], claims["mark"])
    except (SignatureExpired, Unauthenticated):
        return redirect("/login", status=303, headers=[("Cache-Control", "no-store")])
    form = Form.of(sent, "new_password", "repeated")
    password = form["new_password"]
    check_new(form)
    if not form.is_wrong and await request.run(_is_the_old_one, request, user, password):
        form.errors["new_password"] = _("Choose another one than the password that you were given.")
    if form.is_wrong:
        return _page(request, user, ticket, form, status=422)
    await request.run(partial(request.hub.directory.set_password, user, password, actor_id=user.id))
    return await entering.enter(request, user, claims["next"], is_remembered=claims["remember"])


def check_new(form: Form) -> None:
    """Of the fields `new_password` and `repeated`."""
    rule = _("Use %(least)s to %(most)s characters.") % {
        "least": passwords.CHARACTERS_MIN,
        "most": passwords.CHARACTERS_MAX,
    }
    if form.check("new_password", passwords.check, rule) is not None and form["new_password"] != form["repeated"]:
        form.errors["repeated"] = _("The two passwords differ.")


def bearer(request: Request, user_id: int, mark: str) -> Account:
    """Raises Unauthenticated when the password is not the same any more."""
    directory = request.hub.directory
    try:
        user = directory.by_id(user_id)
    except AccountNotFound:
        raise Unauthenticated from None
    if user.is_suspended or directory.password_mark(user) != mark:
        raise Unauthenticated
    return user


def _is_the_old_one(request: Request, user: Account, password: str) -> bool:
    try:
        request.hub.directory.authenticate(user.name, password)
    except (Unauthenticated, BadRequest):
        return False
    return True


def _page(request: Request, user: Account, ticket: str, form: Form, status: int = 200) -> Response:
    return layout.page(
        request, "sessions/new_password.html", status=status, form=form, ticket=ticket, username=user.name
    )
