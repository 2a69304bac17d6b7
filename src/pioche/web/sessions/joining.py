"""/join: an account of one's own, where the setting `sign_up` allows it."""

from pioche.accounts import failures, passwords
from pioche.accounts.account import Account, parse_email, parse_fullname
from pioche.errors import AlreadyExists, Forbidden, HubError, TooManyRequests
from pioche.http import errors
from pioche.http.messages import Headers, Request, Response, redirect
from pioche.i18n.texts import gettext as _
from pioche.names import parse_account_name
from pioche.web import layout
from pioche.web.forms import Form
from pioche.web.sessions import entering, targets, waiting

_FIELDS = ("username", "fullname", "email", "new_password", "invitation", "terms", "next")


async def page(request: Request) -> Response:
    """GET /join?invitation=...: the form, or why there is none."""
    target = targets.safe(request.query.get("next"))
    if request.signed_in is not None:
        return redirect(target, status=303)
    invitation = request.query.get("invitation") or ""
    try:
        email = await request.run(_may_join, request, invitation)
    except Forbidden as error:
        return _closed(request, error)
    return _page(request, Form({"invitation": invitation, "email": email, "next": target}))


async def join(request: Request) -> Response:
    """POST /join: makes the account and signs in."""
    form = Form.of(await request.form(), *_FIELDS)
    try:
        await request.run(_count, request)
        await request.run(_may_join, request, form["invitation"])
        user = await request.run(_created, request, form)
    except Forbidden as error:
        return _closed(request, error)
    except TooManyRequests as error:
        form.error = waiting.words(error)
        return _page(request, form, error)
    if user is None:
        return _page(request, form)
    return await entering.enter(request, user, targets.safe(form["next"]), is_remembered=False)


def _may_join(request: Request, invitation: str) -> str:
    """The mail address that an invitation is for, or nothing. Raises Forbidden."""
    policy = request.hub.config.sign_up
    if policy == "open":
        return ""
    if policy == "invite":
        return request.hub.directory.invitations.find(invitation).email or ""
    raise Forbidden("Accounts of this hub are made by its administrators")


def _count(request: Request) -> None:
    address = request.hub.addresses.client(request.scope, request.headers)
    request.hub.directory.failures.count(failures.of_sign_up(address))


def _created(request: Request, form: Form) -> Account | None:
    """None when the form has something wrong, which it says then."""
    form.check("username", parse_account_name, _("Use 1 to 96 letters, digits, “-” and “_”; some words are reserved."))
    form.check("fullname", parse_fullname, _("A full name has at most 100 printable characters."))
    form.check("email", lambda text: parse_email(text or None), _("This is not an email address."))
    rule = _("Use %(least)s to %(most)s characters.")
    places = {"least": passwords.CHARACTERS_MIN, "most": passwords.CHARACTERS_MAX}
    form.check("new_password", passwords.check, rule % places)
    if request.hub.config.terms_url and form["terms"] != "yes":
        form.errors["terms"] = _("An account is for who accepts the terms of this hub.")
    if form.is_wrong:
        return None
    try:
        return request.hub.directory.create_user(
            form["username"],
            fullname=form["fullname"],
            email=form["email"] or None,
            password=form["new_password"],
            invitation=form["invitation"] if request.hub.config.sign_up == "invite" else None,
        )
    except AlreadyExists:
        form.errors["username"] = _("This name is taken.")
        return None


def _page(request: Request, form: Form, error: HubError | None = None) -> Response:
    status = error.status if error else 422 if form.is_wrong else 200
    headers: Headers = errors.headers(error) if error else []
    terms = request.hub.config.terms_url
    return layout.page(request, "sessions/join.html", status=status, headers=headers, form=form, terms=terms)


def _closed(request: Request, error: Forbidden) -> Response:
    by_invitation = request.hub.config.sign_up == "invite"
    headers = errors.headers(error)
    return layout.page(request, "sessions/closed.html", status=403, headers=headers, by_invitation=by_invitation)
