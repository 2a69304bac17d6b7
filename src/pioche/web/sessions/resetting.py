"""/login/reset: another password, by a link that was mailed, or made by `pioche user reset-password`."""

from functools import partial

from pioche.accounts import resets
from pioche.accounts.account import Account
from pioche.errors import SignatureExpired, Unauthenticated
from pioche.http.messages import Request, Response
from pioche.web import layout
from pioche.web.forms import Form
from pioche.web.sessions import passwords, second_step, targets


async def page(request: Request) -> Response:
    """GET /login/reset?ticket=...: the form, or that the link counts no more."""
    return await _answer(request, request.query.get("ticket") or "", Form())


async def choose(request: Request) -> Response:
    """POST /login/reset: the new password, twice, and the ticket. All sessions end; a second factor is asked for then."""
    sent = await request.form()
    ticket, form = sent.get("ticket") or "", Form.of(sent, "new_password", "repeated")
    passwords.check_new(form)
    if form.is_wrong:
        return await _answer(request, ticket, form)
    user = await _bearer(request, ticket)
    if user is None:
        return _over(request)
    directory = request.hub.directory
    await request.run(partial(directory.set_password, user, form["new_password"], actor_id=user.id))
    changed = await request.run(directory.by_id, user.id)
    return await second_step.after_password(request, changed, targets.HOME, is_remembered=False)


async def _bearer(request: Request, ticket: str) -> Account | None:
    try:
        return await request.run(resets.bearer, request.hub.directory, request.hub.keyring, ticket)
    except (SignatureExpired, Unauthenticated):
        return None


async def _answer(request: Request, ticket: str, form: Form) -> Response:
    user = await _bearer(request, ticket)
    if user is None:
        return _over(request)
    return layout.page(
        request,
        "sessions/reset.html",
        status=422 if form.is_wrong else 200,
        headers=[("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")],
        form=form,
        ticket=ticket,
        username=user.name,
    )


def _over(request: Request) -> Response:
    return layout.page(request, "sessions/reset_over.html", status=410, headers=[("Cache-Control", "no-store")])
