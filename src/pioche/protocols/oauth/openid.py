"""What OpenID clients discover (OpenID Connect Discovery 1.0), the keys that they verify by, and who somebody is."""

from pioche.accounts.oauth import grants, identity, scopes
from pioche.errors import Forbidden
from pioche.http.messages import Request, Response, cached_json, json_response
from pioche.http.routes import ANY_SCOPE, Needs, Route
from pioche.protocols.oauth.token import GRANTS

_FORM_BYTES_MAX = 16 * 1024


async def configuration(request: Request) -> Response:
    """GET /.well-known/openid-configuration, and the same for those who know OAuth alone (RFC 8414)."""
    base = request.base_url
    return cached_json(request, {
        "issuer": base,
        "authorization_endpoint": f"{base}/oauth/authorize",
        "token_endpoint": f"{base}/oauth/token",
        "device_authorization_endpoint": f"{base}/oauth/device",
        "revocation_endpoint": f"{base}/oauth/revoke",
        "userinfo_endpoint": f"{base}/oauth/userinfo",
        "jwks_uri": f"{base}/oauth/jwks",
        "scopes_supported": list(scopes.KNOWN),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [identity.ALGORITHM],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "name", "preferred_username", "profile", "picture",
            "website", "email", "email_verified", "isPro", "canPay", "orgs",
        ],
        "service_documentation": f"{base}/docs",
    })  # fmt: skip


async def keys(request: Request) -> Response:
    """GET /oauth/jwks."""
    return cached_json(request, await request.run(identity.published, request.hub.database))


async def userinfo(request: Request) -> Response:
    """GET and POST /oauth/userinfo: to an application, what its user agreed to tell."""
    return json_response(await request.run(_told, request), headers=[("Cache-Control", "no-store")])


def _told(request: Request) -> dict[str, object]:
    database, caller = request.hub.database, request.caller
    agreed = grants.agreed(database, caller.token_id) if caller.token_id is not None else None
    if agreed is None:  # no application's: what people come with themselves tells all of them, as whoami does
        agreed = scopes.KNOWN
    if scopes.OPENID not in agreed:
        raise Forbidden("This application did not ask for the scope openid")
    user = request.hub.directory.by_id(caller.user_id)
    told: dict[str, object] = identity.claims(database, user, agreed, request.base_url)
    if scopes.PROFILE in agreed:
        told["orgs"] = identity.organisations(database, user, caller, request.base_url)
    return told


ROUTES = (
    Route("GET", "/.well-known/openid-configuration", Needs.ANYONE, configuration),
    Route("GET", "/.well-known/oauth-authorization-server", Needs.ANYONE, configuration),
    Route("GET", "/oauth/jwks", Needs.ANYONE, keys),
    Route("GET", "/oauth/userinfo", Needs.USER, userinfo, scope=ANY_SCOPE),
    Route("POST", "/oauth/userinfo", Needs.USER, userinfo, _FORM_BYTES_MAX, scope=ANY_SCOPE),
)
