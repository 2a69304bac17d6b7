"""/login/sso/{uid}/saml: an organisation's provider that speaks SAML.

Its answer is a form that its page sends here, so no cookie of ours comes with it. What it proves is put into an address, sealed
for a minute, which the browser follows; there the note says whether this browser, in this session, asked for this very answer.
An answer that somebody else asked for is worth nothing (no login CSRF).
"""

import hmac
from typing import Any

import msgspec

from pioche.accounts import org_sso
from pioche.accounts.account import Account
from pioche.accounts.oidc import Claims
from pioche.accounts.org_sso import Settings
from pioche.accounts.saml import asking
from pioche.accounts.saml.asking import Ourselves
from pioche.errors import SignatureExpired, SignInFailed
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.web.sso import going
from pioche.web.sso.going import Purpose

_PATH = "/login/sso/{uid}/saml"
_SEAL = "saml"
_SECONDS = 60
_ANSWER_BYTES_MAX = 256 * 1024
_NOT_KEPT = ("Cache-Control", "no-store")


class _Proved(msgspec.Struct, frozen=True):
    """What goes along the address: for an organisation, in answer to an id."""

    realm: str
    asked: str
    issuer: str
    subject: str
    email: str | None


def ourselves(request: Request, org: Account) -> Ourselves:
    """What is registered at the provider."""
    base = f"{request.base_url}/login/sso/{org.uid}/saml"
    return Ourselves(f"{base}/metadata", f"{base}/acs")


def leave(request: Request, org: Account, settings: Settings, purpose: Purpose) -> Response:
    """To the provider, by a page that leads on."""
    url, id_ = asking.begin(settings.saml, ourselves(request, org))
    return going.leave_for(request, url, id_, settings.name, purpose)


async def metadata(request: Request) -> Response:
    """GET /login/sso/{uid}/saml/metadata: for the provider, before it is set up here, too."""
    org = await request.run(org_sso.by_uid, request.hub.database, request.params["uid"])
    content = asking.metadata(ourselves(request, org))
    return Response(headers=[("Content-Type", "application/samlmetadata+xml")], body=content)


async def acs(request: Request) -> Response:
    """POST /login/sso/{uid}/saml/acs: the assertion consumer service. The signature in the form is the proof."""
    org = await request.run(org_sso.by_uid, request.hub.database, request.params["uid"])
    sent = (await request.form()).get("SAMLResponse") or ""
    said = await request.run(org_sso.answered, request.hub.database, org, ourselves(request, org), sent)
    claims = said.claims
    proved = _Proved(org.uid, said.in_response_to, claims.issuer, claims.subject, claims.email)
    built: dict[str, Any] = msgspec.to_builtins(proved)
    sealed = request.hub.keyring.seal(_SEAL, built, seconds=_SECONDS)
    headers = [_NOT_KEPT, ("Referrer-Policy", "no-referrer")]
    return redirect(f"/login/sso/{org.uid}/saml/done?answer={sealed}", status=303, headers=headers)


async def done(request: Request) -> Response:
    """GET /login/sso/{uid}/saml/done: this browser asked for it, or nothing happens."""
    org = await request.run(org_sso.by_uid, request.hub.database, request.params["uid"])
    note = going.asked(request, org.uid)
    proved = _unsealed(request)
    is_ours = hmac.compare_digest(proved.asked.encode(), note.attempt.state.encode())
    if proved.realm != org.uid or not is_ours:
        raise SignInFailed("This is not the answer to what this browser asked for: begin again")
    claims = Claims(proved.issuer, proved.subject, proved.email, "", "", frozenset())
    await request.run(signed_in, request, org, claims)
    return going.over(request, redirect(note.purpose.next, status=303, headers=[_NOT_KEPT]))


def signed_in(request: Request, org: Account, claims: Claims) -> None:
    """Whoever is signed in here showed who they are there. For a worker thread."""
    caller = request.caller
    user = request.hub.directory.by_id(caller.user_id)
    org_sso.signed_in(request.hub.database, org, user, caller.session_id or 0, claims)


def _unsealed(request: Request) -> _Proved:
    try:
        return msgspec.convert(request.hub.keyring.unseal(_SEAL, request.query.get("answer") or ""), _Proved)
    except (SignatureExpired, msgspec.ValidationError):
        raise SignInFailed("This took too long: begin again") from None


ROUTES = (
    Route("GET", _PATH + "/metadata", Needs.ANYONE, metadata),
    Route("POST", _PATH + "/acs", Needs.SIGNATURE, acs, _ANSWER_BYTES_MAX),
    Route("GET", _PATH + "/done", Needs.SESSION, done),
)
