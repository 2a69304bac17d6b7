"""/organizations/{name}/settings/sso: the organisation's own provider, and its directory (ui.md U3)."""

from dataclasses import replace
from functools import partial
from typing import Final

from pioche.accounts import org_sso, scim_people
from pioche.accounts.account import Account
from pioche.accounts.org_sso import Settings
from pioche.accounts.saml.providers import IdentityProvider
from pioche.errors import BadRequest, Conflict, SignInFailed
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.organisations import frame
from pioche.web.sso import going
from pioche.web.sso.saml import ourselves

_PATH: Final = "/organizations/{name}/settings/sso"
_HOURS: Final = 168
_METADATA_BYTES_MAX: Final = 512 * 1024
_SAML_FIELDS: Final = (
    *("saml_provider", "metadata", "entity_id", "sign_in_url", "certificates", "email_attribute", "saml_hours"),
)


async def show(request: Request) -> Response:
    """GET /organizations/{name}/settings/sso."""
    org = await request.run(frame.administered, request)
    return await _page(request, org, Form())


async def save(request: Request) -> Response:
    """POST /organizations/{name}/settings/sso: asks the provider at once, so that a wrong address is seen here."""
    org = await request.run(frame.administered, request)
    form = Form.of(await request.form(), "provider", "issuer", "client_id", "client_secret", "hours")
    before = await request.run(org_sso.settings, request.hub.database, org.id)
    secret = form["client_secret"] or (before.client_secret if before else "")
    try:
        wanted = org_sso.parse(form["provider"], form["issuer"], form["client_id"], secret, form["hours"])
        if before is None or before.issuer != wanted.issuer or not form["client_secret"]:
            _check_secret(form, before, wanted)
        await request.run(request.hub.oidc.check, wanted.issuer)
    except (BadRequest, SignInFailed) as error:
        form.error = error.message
        return await _page(request, org, form, status=422)
    await request.run(partial(org_sso.save, actor_id=request.caller.user_id), request.hub.database, org, wanted)
    return frame.saved(org, "sso")


def _check_secret(form: Form, before: Settings | None, wanted: Settings) -> None:
    """A secret that was kept is never sent to another provider than it was given for. Raises BadRequest."""
    if not form["client_secret"] and (before is None or before.issuer != wanted.issuer):
        raise BadRequest(_("Another provider needs its own client secret."))


async def save_saml(request: Request) -> Response:
    """POST .../settings/sso/saml: a provider that speaks SAML, in place of the one that was there."""
    org = await request.run(frame.administered, request)
    form = Form.of(await request.form(), *_SAML_FIELDS)
    given = IdentityProvider(
        form["saml_provider"], form["entity_id"].strip(), form["sign_in_url"].strip(), form["certificates"],
        form["email_attribute"].strip(),
    )  # fmt: skip
    try:
        wanted = await request.run(org_sso.parse_saml, given, form["saml_hours"], form["metadata"])
    except BadRequest as error:
        return await _page(request, org, Form(), saml=replace(form, error=error.message), status=422)
    await request.run(partial(org_sso.save, actor_id=request.caller.user_id), request.hub.database, org, wanted)
    return frame.saved(org, "sso")


async def demand(request: Request) -> Response:
    """POST .../settings/sso/demand: whether members have to sign in there."""
    org = await request.run(frame.administered, request)
    wanted = (await request.form()).get("required") == "yes"
    try:
        await request.run(partial(org_sso.demand, is_required=wanted), request.hub.database, org, request.caller)
    except Conflict:
        form = Form(error=_("Sign in at the provider yourself first: then you know that you are not shut out."))
        return await _page(request, org, form, status=409)
    return frame.saved(org, "sso")


async def remove(request: Request) -> Response:
    """POST .../settings/sso/remove."""
    org = await request.run(frame.administered, request)
    await request.run(partial(org_sso.remove, actor_id=request.caller.user_id), request.hub.database, org)
    return frame.saved(org, "sso", "removed")


async def unlink(request: Request) -> Response:
    """POST .../settings/sso/members/{user}/unlink: they link another identity when they sign in there again."""
    org = await request.run(frame.administered, request)
    user = await request.run(request.hub.directory.get_user, request.params["user"])
    done = partial(org_sso.unlink, actor_id=request.caller.user_id)
    await request.run(done, request.hub.database, org, user)
    return frame.saved(org, "sso", "unlinked")


async def make_token(request: Request) -> Response:
    """POST .../settings/sso/scim: the directory's token, shown in this answer and never again."""
    org = await request.run(frame.administered, request)
    made = partial(scim_people.make_token, actor_id=request.caller.user_id)
    return await _page(request, org, Form(), token=await request.run(made, request.hub.database, org))


async def end_token(request: Request) -> Response:
    """POST .../settings/sso/scim/end."""
    org = await request.run(frame.administered, request)
    await request.run(partial(scim_people.end_token, actor_id=request.caller.user_id), request.hub.database, org)
    return frame.saved(org, "sso", "ended")


async def _page(
    request: Request, org: Account, form: Form, *, saml: Form | None = None, status: int = 200, token: str = ""
) -> Response:
    database = request.hub.database
    found = await request.run(org_sso.settings, database, org.id)
    if not form.values:
        form.values = _of_openid(found if found is not None and found.kind == "oidc" else None)
    return frame.page(
        request, "sso.html", "sso", org, status=status, form=form, provider=found, token=token,
        saml=saml or Form(_of_saml(found if found is not None and found.kind == "saml" else None)),
        ourselves=ourselves(request, org),
        links=await request.run(org_sso.links, database, org),
        token_made_at=await request.run(scim_people.token_made_at, database, org),
        redirect_uri=going.redirect_uri(request, org.uid), scim_url=f"{request.base_url}/api/organizations/{org.name}/scim/v2",
    )  # fmt: skip


def _of_openid(found: Settings | None) -> dict[str, str]:
    if found is None:
        return {"hours": str(_HOURS)}
    return {"provider": found.name, "issuer": found.issuer, "client_id": found.client_id, "hours": str(found.hours)}


def _of_saml(found: Settings | None) -> dict[str, str]:
    if found is None:
        return {"saml_hours": str(_HOURS)}
    return {
        "saml_provider": found.name,
        "entity_id": found.issuer,
        "sign_in_url": found.sign_in_url,
        "certificates": found.certificates,
        "email_attribute": found.email_attribute,
        "saml_hours": str(found.hours),
    }


ROUTES = (
    Route("GET", _PATH, Needs.SESSION, show),
    Route("POST", _PATH, Needs.SESSION, save, frame.FORM_BYTES_MAX),
    Route("POST", _PATH + "/saml", Needs.SESSION, save_saml, _METADATA_BYTES_MAX),
    Route("POST", _PATH + "/demand", Needs.SESSION, demand, frame.FORM_BYTES_MAX),
    Route("POST", _PATH + "/remove", Needs.SESSION, remove, frame.FORM_BYTES_MAX),
    Route("POST", _PATH + "/members/{user}/unlink", Needs.SESSION, unlink, frame.FORM_BYTES_MAX),
    Route("POST", _PATH + "/scim", Needs.SESSION, make_token, frame.FORM_BYTES_MAX),
    Route("POST", _PATH + "/scim/end", Needs.SESSION, end_token, frame.FORM_BYTES_MAX),
)
