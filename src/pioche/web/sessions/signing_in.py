"""/login and /logout."""

from pioche.accounts import failures, identities
from pioche.accounts.account import Account
from pioche.errors import HubError, TooManyRequests, Unauthenticated
from pioche.http import cookies, errors
from pioche.http.messages import Headers, Request, Response, redirect
from pioche.i18n.texts import gettext as _
from pioche.web import layout
from pioche.web.forms import Form
from pioche.web.sessions import entering, passkey, passwords, second_step, targets, waiting

_FIELDS = ("username", "password", "next", "remember")
_CHARACTERS_MAX = 300


async def page(request: Request) -> Response:
    """GET /login?next=...: who is signed in already goes on at once."""
    target = targets.safe(request.query.get("next"))
    if request.signed_in is not None:
        return redirect(target, status=303)
    return _page(request, Form({"next": target}))


async def sign_in(request: Request) -> Response:
    """POST /login: by name or mail address. Every refusal reads the same, whoever there is."""
    form = Form.of(await request.form(), *_FIELDS)
    form.values["next"] = target = targets.safe(form["next"])
    try:
        user = await request.run(_authenticated, request, form["username"].strip(), form["password"])
    except TooManyRequests as error:
        form.error = waiting.words(error)
        return _page(request, form, error)
    except Unauthenticated as error:
        form.error = _("The name or the password is not right.")
        return _page(request, form, error)
    return await second_step.after_password(request, user, target, is_remembered=bool(form["remember"]))


async def with_passkey(request: Request) -> Response:
    """POST /login/passkey: without a name, a password or a code, for the device has unlocked itself for its owner."""
    form = Form.of(await request.form(), "ticket", "credential", "next", "remember")
    form.values["next"] = target = targets.safe(form["next"])
    try:
        user = await request.run(passkey.bearer, request, form["ticket"], form["credential"])
    except TooManyRequests as error:
        form.error = waiting.words(error)
        return _page(request, form, error)
    except Unauthenticated as error:
        form.error = _("This passkey does not sign in here, or it took too long. Try it again, or use your password.")
        return _page(request, form, error)
    if user.must_change_password:
        return await passwords.ask(request, user, target, is_remembered=bool(form["remember"]))
    return await entering.enter(request, user, target, is_remembered=bool(form["remember"]))


async def sign_out(request: Request) -> Response:
    """POST /logout: the session is over, here and on the server."""
    caller = request.caller
    if caller.session_id is None:
        return redirect("/", status=303)
    await request.run(request.hub.directory.sessions.end, caller.user_id, caller.session_id)
    gone = [("Cache-Control", "no-store"), cookies.drop_session(request.base_url)]
    return redirect("/", status=303, headers=gone)


def _authenticated(request: Request, name: str, password: str) -> Account:
    """Raises Unauthenticated, TooManyRequests."""
    directory = request.hub.directory
    guess = failures.of_sign_in(name, request.hub.addresses.client(request.scope, request.headers))
    directory.failures.count(guess)
    if len(name) > _CHARACTERS_MAX or len(password) > _CHARACTERS_MAX:
        raise Unauthenticated
    user = directory.authenticate(name, password)
    directory.failures.forgive(guess)
    return user


def _page(request: Request, form: Form, error: HubError | None = None) -> Response:
    status = error.status if error else 200
    headers: Headers = errors.headers(error) if error else []
    return layout.page(
        request,
        "sessions/login.html",
        status=status,
        headers=headers,
        form=form,
        question=passkey.question(request),
        provider=identities.provider(request.hub.config),
        sends_mail=request.hub.config.sends_mail,
        may_join=request.hub.config.sign_up == "open",
        has_ended=request.method == "GET" and request.query.get("ended") == "1",
    )
