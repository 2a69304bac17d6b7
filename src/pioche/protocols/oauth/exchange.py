"""Token exchange (RFC 8693), as huggingface_hub 2.4.0 asks for it: `_oidc.py`, `exchange_oidc_token`."""

import msgspec

from pioche.accounts import exchanging
from pioche.accounts.exchanging import Issued
from pioche.errors import BadRequest
from pioche.http.messages import Request, Response, json_response

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_IDENTITY = "urn:ietf:params:oauth:token-type:id_token"
_ACCESS = "urn:ietf:params:oauth:token-type:access_token"


class _Asked(msgspec.Struct):
    subject_token: str
    resource: str
    subject_token_type: str = _IDENTITY


async def exchange(request: Request) -> Response:
    """The body as JSON: `subject_token` is what the job's issuer signed, `resource` what a token is asked for."""
    asked = await request.json(_Asked)
    if asked.subject_token_type != _IDENTITY:
        raise BadRequest(f"subject_token_type has to be {_IDENTITY}")
    issued = await request.run(_issued, request, asked)
    body = {
        "access_token": issued.token,
        "issued_token_type": _ACCESS,
        "token_type": "bearer",
        "expires_in": issued.seconds,
        "scope": issued.scope,
    }
    return json_response(body, headers=[("Cache-Control", "no-store")])


def _issued(request: Request, asked: _Asked) -> Issued:
    hub = request.hub
    return exchanging.exchange(
        hub.database, hub.oidc, asked.resource, asked.subject_token,
        audience=request.base_url, seconds=hub.config.publisher_token_minutes * 60,
    )  # fmt: skip
