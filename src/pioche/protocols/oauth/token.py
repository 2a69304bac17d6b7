"""POST /oauth/token: something that proves a person's yes, changed for a token of theirs.

`GRANTS` says by `grant_type` what does it. Each is told the request and its fields, which came as a form (RFC 6749) or as flat
JSON (as huggingface_hub sends some), and answers or raises; which application asks, it finds out by `clients.asking`.
"""

from collections.abc import Awaitable, Callable, Mapping

from pioche.accounts.oauth import codes, devices, grants, identity, scopes
from pioche.accounts.oauth.grants import Issued
from pioche.errors import GrantRefused
from pioche.http.messages import Request, Response, json_response
from pioche.http.routes import Needs, Route
from pioche.protocols.oauth import clients, exchange
from pioche.protocols.oauth.clients import Fields, required

BODY_BYTES_MAX = 64 * 1024
_Grant = Callable[[Request, Fields], Awaitable[Response]]


async def device_code(request: Request, fields: Fields) -> Response:
    """RFC 8628 section 3.4."""
    application = await clients.asking(request, fields)
    code = required(fields, "device_code")
    return issued(await request.run(devices.redeem, request.hub.database, application, code))


async def refresh_token(request: Request, fields: Fields) -> Response:
    """RFC 6749 section 6."""
    application = await clients.asking(request, fields)
    token = required(fields, "refresh_token")
    return issued(await request.run(grants.refresh, request.hub.database, application, token))


async def authorization_code(request: Request, fields: Fields) -> Response:
    """RFC 6749 section 4.1.3, with the ID token of OpenID Connect where `openid` was agreed to."""
    application = await clients.asking(request, fields)
    code, redirect_uri = required(fields, "code"), required(fields, "redirect_uri")
    verifier = fields.get("code_verifier", "")
    database = request.hub.database
    redeemed = await request.run(codes.redeem, database, application, code, redirect_uri, verifier)
    if scopes.OPENID not in redeemed.signed.scopes:
        return issued(redeemed.issued)
    signed = await request.run(identity.id_token, database, redeemed, request.base_url)
    return issued(redeemed.issued, id_token=signed)


GRANTS: Mapping[str, _Grant] = {
    "authorization_code": authorization_code,
    "refresh_token": refresh_token,
    "urn:ietf:params:oauth:grant-type:device_code": device_code,
    exchange.GRANT: exchange.exchange,
}


async def token(request: Request) -> Response:
    """POST /oauth/token."""
    sent = await request.form_or_json()
    if any(len(values) > 1 for values in sent.values()):
        raise GrantRefused("invalid_request", "A field is there twice")
    fields = {name: values[-1] for name, values in sent.items() if values}
    grant = GRANTS.get(required(fields, "grant_type"))
    if grant is None:
        raise GrantRefused("unsupported_grant_type", f"Use one of these for grant_type: {', '.join(GRANTS)}")
    return await grant(request, fields)


async def revoke(request: Request) -> Response:
    """POST /oauth/revoke: what an application is done with, as when somebody signs out of it (RFC 7009)."""
    fields = {name: values[-1] for name, values in (await request.form()).lists.items()}
    application = await clients.asking(request, fields)
    await request.run(grants.revoke, request.hub.database, application, required(fields, "token"))
    return json_response({}, headers=[("Cache-Control", "no-store")])


def issued(found: Issued, **more: str) -> Response:
    """What an application gets (RFC 6749 section 5.1)."""
    told: dict[str, object] = {
        "access_token": found.access_token,
        "token_type": "bearer",
        "expires_in": found.seconds,
        "scope": " ".join(found.scopes),
        **more,
    }
    if found.refresh_token is not None:
        told["refresh_token"] = found.refresh_token
    return json_response(told, headers=[("Cache-Control", "no-store"), ("Pragma", "no-cache")])


ROUTES = (
    Route("POST", "/oauth/token", Needs.SIGNATURE, token, BODY_BYTES_MAX),
    Route("POST", "/oauth/revoke", Needs.SIGNATURE, revoke, BODY_BYTES_MAX),
)
