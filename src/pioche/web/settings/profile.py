"""/settings/profile and /settings/account."""

from pioche.accounts import failures, identities, letters, mail_addresses
from pioche.accounts.account import (
    Account,
    parse_bio,
    parse_email,
    parse_fullname,
    parse_homepage,
    parse_interests,
    parse_links,
)
from pioche.errors import Conflict, TooManyRequests
from pioche.http import browsers
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n import languages, zones
from pioche.i18n.texts import gettext as _
from pioche.web import layout
from pioche.web.forms import Form
from pioche.web.sessions import targets, waiting
from pioche.web.settings import frame, proof

_FORM_BYTES_MAX = 64 * 1024
_FIELDS = ("fullname", "email", "bio", "homepage", "links", "interests")
_PREFERENCES = ("language", "theme", "time_zone", "sensitive")
_PROOF = "password"


async def profile(request: Request) -> Response:
    """GET /settings/profile."""
    user = await request.run(frame.account, request)
    return await _page(request, _form(user))


def _form(user: Account) -> Form:
    return Form({name: getattr(user, name) or "" for name in _FIELDS})


async def change_profile(request: Request) -> Response:
    """POST /settings/profile."""
    form = Form.of(await request.form(), *_FIELDS, _PROOF)
    form.check("fullname", parse_fullname, _("A full name has at most 100 printable characters."))
    form.check("email", lambda text: parse_email(text.strip() or None), _("This is not an email address."))
    form.check("bio", parse_bio, _("A bio has at most 500 printable characters."))
    form.check("homepage", parse_homepage, _("An address of the web begins with https:// or http://."))
    form.check("links", parse_links, _("At most five addresses of the web, one a line."))
    form.check("interests", parse_interests, _("At most twelve, of at most 40 characters, with commas between them."))
    if form.is_wrong:
        return await _page(request, form, status=422)
    if await request.run(_opens_the_account, request, form):
        found, status = await proof.ask(request, form, _PROOF)
        if found is None:
            return await _page(request, form, status=status)
    await request.run(_change_profile, request, form)
    return frame.saved("profile")


def _opens_the_account(request: Request, form: Form) -> bool:
    """Whether another address would be another way in, which a browser that was left open must not be enough for: links for
    another password go there."""
    user, database = frame.account(request), request.hub.database
    if not request.hub.config.sends_mail or form["email"].strip() == (user.email or ""):
        return False
    _identity, has_password = identities.of(database, user.id)
    return has_password


def _change_profile(request: Request, form: Form) -> None:
    values = {name: form[name] for name in _FIELDS}
    request.hub.directory.change_profile(frame.account(request), **values)


async def send_link(request: Request) -> Response:
    """POST /settings/profile/address: the link that proves the address, again."""
    user = await request.run(frame.account, request)
    form = _form(user)
    try:
        await request.run(_queue_proof, request)
    except TooManyRequests as error:
        form.error = waiting.words(error)
        return await _page(request, form, status=error.status)
    return frame.saved("profile", "sent")


def _queue_proof(request: Request) -> None:
    if not request.hub.config.sends_mail:
        raise Conflict("This hub sends no mail")
    caller = request.caller
    address = request.hub.addresses.client(request.scope, request.headers)
    request.hub.directory.failures.count(failures.of_letter(caller.name, address))
    letters.queue_proof(request.hub.database, caller.user_id)


async def _page(request: Request, form: Form, *, status: int = 200) -> Response:
    user = await request.run(frame.account, request)
    is_proved = await request.run(mail_addresses.is_proved, request.hub.database, user)
    return frame.page(
        request, "profile.html", "profile", status=status, form=form,
        address=user.email or "", is_proved=is_proved, sends_mail=request.hub.config.sends_mail,
    )  # fmt: skip


async def account(request: Request) -> Response:
    """GET /settings/account: the language, the theme, the clock, and what is not for all audiences."""
    user = await request.run(frame.account, request)
    form = Form({name: getattr(user, name) or "" for name in _PREFERENCES})
    return frame.page(request, "account.html", "account", form=form, user=user, zones=_zones())


def _zones() -> list[tuple[str, str]]:
    return [("", "UTC"), *((name, name.replace("_", " ")) for name in zones.known())]


async def change_account(request: Request) -> Response:
    """POST /settings/account: for every browser where one signs in, and for this one now."""
    form = Form.of(await request.form(), *_PREFERENCES)
    language = form["language"] if form["language"] in languages.NAMES else ""
    theme = form["theme"] if form["theme"] in ("light", "dark") else ""
    chosen = {"language": language, "theme": theme, "time_zone": form["time_zone"], "sensitive": form["sensitive"]}
    await request.run(request.hub.directory.set_preferences, request.caller.user_id, **chosen)
    answer = frame.saved("account")
    answer.headers += layout.choice_cookies(request, language, theme or "system")
    if not language:
        answer.headers.append(layout.forget_language())
    return answer


async def choose_language(request: Request) -> Response:
    """GET /settings/language?choose=fr&next=/here: the link at the foot of every page. A link of another site changes nothing:
    it leads to the page, and that is all."""
    chosen = request.query.get("choose") or ""
    target = targets.safe(request.query.get("next"))
    if not languages.is_known(chosen) or not browsers.is_from_us(request):
        return redirect(target, status=303, headers=[("Cache-Control", "no-store")])
    await request.run(request.hub.directory.set_preferences, request.caller.user_id, language=chosen)
    kept = layout.choice_cookies(request, chosen, None)
    return redirect(target, status=303, headers=[("Cache-Control", "no-store"), *kept])


ROUTES = (
    Route("GET", "/settings/profile", Needs.SESSION, profile),
    Route("POST", "/settings/profile", Needs.SESSION, change_profile, _FORM_BYTES_MAX),
    Route("POST", "/settings/profile/address", Needs.SESSION, send_link, _FORM_BYTES_MAX),
    Route("GET", "/settings/language", Needs.SESSION, choose_language),
    Route("GET", "/settings/account", Needs.SESSION, account),
    Route("POST", "/settings/account", Needs.SESSION, change_account, _FORM_BYTES_MAX),
)
