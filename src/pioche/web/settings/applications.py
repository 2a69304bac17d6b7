"""/settings/applications: those that somebody let in, and those of their own that others sign in to."""

from collections.abc import Mapping, Sequence

from pioche.accounts.oauth import consents, scopes
from pioche.accounts.oauth.applications import Application, Applications, Wanted, parse_name, parse_redirects
from pioche.accounts.oauth.consents import Connected
from pioche.errors import Conflict
from pioche.http.messages import Query, Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.oauth.asking import WORDS
from pioche.web.settings import frame

_PATH = "/settings/applications"
_ONE = _PATH + "/{client_id}"
_FORM_BYTES_MAX = 64 * 1024
_DEFAULT = (scopes.OPENID, scopes.PROFILE)


async def listing(request: Request) -> Response:
    """GET /settings/applications."""
    connected, own = await request.run(_listed, request)
    return frame.page(
        request, "applications.html", "applications", connected=connected, own=own, words=WORDS,
        form=Form({"kind": "confidential"}), chosen=_DEFAULT,
    )  # fmt: skip


async def register(request: Request) -> Response:
    """POST /settings/applications: its secret is shown in this answer, and never again."""
    sent = await request.form()
    form, wanted = _parse(sent)
    if form["kind"] not in ("public", "confidential"):
        form.errors["kind"] = _("Choose one of these.")
    try:
        if wanted is not None and not form.is_wrong:
            application, secret = await request.run(_registered, request, wanted, is_public=form["kind"] == "public")
            return await _one(request, application, _form_of(application), secret=secret or "", done="made")
    except Conflict as error:
        form.error = _("You have as many applications as there may be: remove one first.")
        return await _new(request, form, sent, status=error.status)
    return await _new(request, form, sent, status=422)


async def show(request: Request) -> Response:
    """GET /settings/applications/{client_id}: one of one's own."""
    application = await request.run(_mine, request)
    return await _one(request, application, _form_of(application))


async def change(request: Request) -> Response:
    """POST /settings/applications/{client_id}."""
    sent = await request.form()
    form, wanted = _parse(sent)
    if wanted is None or form.is_wrong:
        application = await request.run(_mine, request)
        return await _one(request, application, form, chosen=sent.all("scope"), status=422)
    await request.run(_change, request, wanted)
    return frame.saved(f"applications/{request.params['client_id']}")


async def renew(request: Request) -> Response:
    """POST /settings/applications/{client_id}/secret: another secret, shown in this answer, and never again."""
    application, secret = await request.run(_renewed, request)
    return await _one(request, application, _form_of(application), secret=secret, done="renewed")


async def remove(request: Request) -> Response:
    """POST /settings/applications/{client_id}/delete."""
    await request.run(_remove, request)
    return frame.saved("applications", "removed")


async def disconnect(request: Request) -> Response:
    """POST /settings/applications/{client_id}/disconnect: one that was let in, whoever's it is."""
    await request.run(_disconnect, request)
    return frame.saved("applications", "disconnected")


def _parse(sent: Query) -> tuple[Form, Wanted | None]:
    form = Form.of(sent, "name", "redirect_uris", "kind")
    name = form.check("name", parse_name, _("A name has 1 to 60 printable characters."))
    redirects = form.check("redirect_uris", parse_redirects, _(
        "One address a line, ten at most: https://, or http://localhost for your own machine."
    ))  # fmt: skip
    chosen = tuple(one for one in scopes.KNOWN if one in sent.all("scope"))
    if not chosen:
        form.errors["scope"] = _("Choose what it may ask for.")
    return form, None if name is None or redirects is None else Wanted(name, redirects, chosen)


def _form_of(application: Application) -> Form:
    return Form({"name": application.name, "redirect_uris": "\n".join(application.redirect_uris)})


def _listed(request: Request) -> tuple[list[Connected], list[Application]]:
    connected = consents.of(request.hub.database, request.caller.user_id)
    return connected, Applications(request.hub.database).of(frame.account(request))


def _registered(request: Request, wanted: Wanted, *, is_public: bool) -> tuple[Application, str | None]:
    return Applications(request.hub.database).register(frame.account(request), wanted, is_public=is_public)


def _mine(request: Request) -> Application:
    return Applications(request.hub.database).get(frame.account(request), request.params["client_id"])


def _change(request: Request, wanted: Wanted) -> None:
    Applications(request.hub.database).change(frame.account(request), request.params["client_id"], wanted)


def _renewed(request: Request) -> tuple[Application, str]:
    return Applications(request.hub.database).renew_secret(frame.account(request), request.params["client_id"])


def _remove(request: Request) -> None:
    Applications(request.hub.database).remove(frame.account(request), request.params["client_id"])


def _disconnect(request: Request) -> None:
    consents.take_back(request.hub.database, frame.account(request), request.params["client_id"])


async def _new(request: Request, form: Form, sent: Query, *, status: int) -> Response:
    connected, own = await request.run(_listed, request)
    return frame.page(
        request, "applications.html", "applications", status=status, connected=connected, own=own, words=WORDS,
        form=form, chosen=sent.all("scope"),
    )  # fmt: skip


async def _one(
    request: Request,
    application: Application,
    form: Form,
    *,
    chosen: Sequence[str] | None = None,
    status: int = 200,
    **made: str,
) -> Response:
    words: Mapping[str, str] = WORDS
    shown = application.scopes if chosen is None else chosen
    done = request.query.get(frame.DONE) or "" if request.method == "GET" else made.pop("done", "")
    return frame.page(
        request, "application.html", "applications", status=status, application=application, form=form, words=words,
        chosen=shown, secret=made.get("secret", ""), what=done,
    )  # fmt: skip


ROUTES = (
    Route("GET", _PATH, Needs.SESSION, listing),
    Route("POST", _PATH, Needs.SESSION, register, _FORM_BYTES_MAX),
    Route("GET", _ONE, Needs.SESSION, show),
    Route("POST", _ONE, Needs.SESSION, change, _FORM_BYTES_MAX),
    Route("POST", _ONE + "/secret", Needs.SESSION, renew, _FORM_BYTES_MAX),
    Route("POST", _ONE + "/delete", Needs.SESSION, remove, _FORM_BYTES_MAX),
    Route("POST", _ONE + "/disconnect", Needs.SESSION, disconnect, _FORM_BYTES_MAX),
)
