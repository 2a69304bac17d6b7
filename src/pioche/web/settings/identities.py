"""/settings/identities: who somebody is at providers (ui.md T2)."""

from pioche.accounts import identities, org_sso
from pioche.errors import Conflict
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.settings import frame, proof
from pioche.web.sso import going, hub
from pioche.web.sso.going import Purpose

_PATH = hub.HERE
_FORM_BYTES_MAX = 64 * 1024


async def show(request: Request) -> Response:
    """GET /settings/identities."""
    return await _page(request, Form())


async def link(request: Request) -> Response:
    """POST /settings/identities/link: with the password, since it is another way in."""
    provider, form = hub.provider(request), Form.of(await request.form(), "password")
    user, status = await proof.ask(request, form, "password")
    if user is None:
        return await _page(request, form, status=status)
    purpose = Purpose(what="link", session=request.caller.session_id)
    return await going.leave(request, provider, purpose)


async def unlink(request: Request) -> Response:
    """POST /settings/identities/unlink: with the password, which is then the way in."""
    form = Form.of(await request.form(), "password")
    user, status = await proof.ask(request, form, "password")
    if user is None:
        return await _page(request, form, status=status)
    try:
        await request.run(identities.unlink, request.hub.database, user)
    except Conflict:
        form.error = _("This is your only way in: choose a password first.")
        return await _page(request, form, status=409)
    return frame.saved("identities", "unlinked")


async def choose_password(request: Request) -> Response:
    """POST /settings/identities/password: for who has none, by way of the provider."""
    purpose = Purpose(what="password", session=request.caller.session_id)
    return await going.leave(request, hub.provider(request), purpose)


async def unlink_organisation(request: Request) -> Response:
    """POST /settings/identities/organizations/{name}/unlink."""
    await request.run(_unlink_organisation, request)
    return frame.saved("identities", "unlinked")


def _unlink_organisation(request: Request) -> None:
    directory, caller = request.hub.directory, request.caller
    org, user = directory.get_org(request.params["name"]), directory.by_id(caller.user_id)
    org_sso.unlink(request.hub.database, org, user, actor_id=user.id)


async def _page(request: Request, form: Form, *, status: int = 200) -> Response:
    database, user_id = request.hub.database, request.caller.user_id
    identity, has_password = await request.run(identities.of, database, user_id)
    links = await request.run(org_sso.links_of, database, user_id)
    return frame.page(
        request, "identities.html", "identities", status=status, form=form, identity=identity, links=links,
        has_password=has_password, provider=identities.provider(request.hub.config),
    )  # fmt: skip


ROUTES = (
    Route("GET", _PATH, Needs.SESSION, show),
    Route("POST", _PATH + "/link", Needs.SESSION, link, _FORM_BYTES_MAX),
    Route("POST", _PATH + "/unlink", Needs.SESSION, unlink, _FORM_BYTES_MAX),
    Route("POST", _PATH + "/password", Needs.SESSION, choose_password, _FORM_BYTES_MAX),
    Route("POST", _PATH + "/organizations/{name}/unlink", Needs.SESSION, unlink_organisation, _FORM_BYTES_MAX),
)
