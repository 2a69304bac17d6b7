"""Token exchange (RFC 8693), as huggingface_hub 2.4.0 asks for it: `_oidc.py`, `exchange_oidc_token`."""

from pioche.accounts import exchanging
from pioche.accounts.exchanging import Issued
from pioche.errors import GrantRefused
from pioche.http.messages import Request, Response, json_response
from pioche.protocols.oauth.clients import Fields, required

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_IDENTITY = "urn:ietf:params:oauth:token-type:id_token"
_ACCESS = "urn:ietf:params:oauth:token-type:access_token"


async def exchange(request: Request, fields: Fields) -> Response:
    """`subject_token` is what the job's issuer signed, `resource` what a token is asked for."""
    if fields.get("subject_token_type", _IDENTITY) != _IDENTITY:
        raise GrantRefused("invalid_request", f"subject_token_type has to be {_IDENTITY}")
    token, resource = required(fields, "subject_token"), required(fields, "resource")
    issued = await request.run(_issued, request, token, resource)
    body = {
        "access_token": issued.token,
        "issued_token_type": _ACCESS,
        "token_type": "bearer",
        "expires_in": issued.seconds,
        "scope": issued.scope,
    }
    return json_response(body, headers=[("Cache-Control", "no-store")])


def _issued(request: Request, token: str, resource: str) -> Issued:
    hub = request.hub
    return exchanging.exchange(
        hub.database, hub.oidc, resource, token,
        audience=request.base_url, seconds=hub.config.publisher_token_minutes * 60,
    )  # fmt: skip
