"""POST /oauth/token: a token for whatever the grant says."""

from collections.abc import Awaitable, Callable, Mapping

from pioche.errors import BadRequest, UnsupportedGrant
from pioche.http.messages import Request, Response
from pioche.protocols.oauth import exchange

GRANTS: Mapping[str, Callable[[Request], Awaitable[Response]]] = {exchange.GRANT: exchange.exchange}
"""By `grant_type`. Each reads the body again, in its own way."""


async def give(request: Request) -> Response:
    """POST /oauth/token: a token, for what the body proves; `grant_type` says how."""
    (grant, *others) = (await request.form_or_json()).get("grant_type", [""])
    if not grant or others:
        raise BadRequest("grant_type is missing, or there twice")
    if grant not in GRANTS:
        raise UnsupportedGrant(f"{grant[:100]!r} is no grant of this hub: it knows {', '.join(GRANTS)}")
    return await GRANTS[grant](request)
