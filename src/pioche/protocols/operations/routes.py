"""The table of operations, with its handlers."""

import ipaddress

from pioche.errors import Forbidden, HubError, Unauthenticated
from pioche.http import errors, threads
from pioche.http.messages import Headers, Request, Response, json_response
from pioche.http.routes import Needs, Protocol, Route
from pioche.networks import OF_SANDBOXES
from pioche.observe import metrics

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
_FRESH: Headers = [("Cache-Control", "no-store")]


async def alive(_request: Request) -> Response:
    """This process runs its event loop. Nothing else is looked at: a restart mends what this finds."""
    return json_response({"status": "alive"}, headers=_FRESH)


async def ready(request: Request) -> Response:
    """200 when requests can be served. `degraded`: reads can, but nothing can be written."""
    health = await threads.run(request.hub.doctor.examine)
    found = {"status": health.status, "database": health.database, "storage": health.storage}
    return json_response(found, status=200 if health.database else 503, headers=_FRESH)


async def figures(request: Request) -> Response:
    """Prometheus's text format, all processes together."""
    _check_may_see_figures(request)
    body = await threads.run(metrics.exposition)
    return Response(200, [("Content-Type", metrics.CONTENT_TYPE), *_FRESH], body)


def _check_may_see_figures(request: Request) -> None:
    """This machine itself, or an administrator's token. Behind a proxy everybody comes from this machine."""
    if request.caller.is_admin or _is_from_this_machine(request):
        return
    if request.caller.is_anonymous:
        raise Unauthenticated("Figures are for this machine itself and for tokens of administrators")
    raise Forbidden("Figures are for this machine itself and for tokens of administrators")


def _is_from_this_machine(request: Request) -> bool:
    if request.hub.config.trusted_proxies or any(name in request.headers for name in _FORWARDED):
        return False
    client = request.scope.get("client")
    if not client:
        return False
    address = ipaddress.ip_address(client[0])
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback and str(address) != OF_SANDBOXES


def refuse(_request: Request, error: HubError) -> Response:
    return json_response({"error": error.message}, status=error.status, headers=[*errors.headers(error), *_FRESH])


PROTOCOL = Protocol(
    "operations",
    (
        Route("GET", "/healthz", Needs.ANYONE, alive),
        Route("GET", "/readyz", Needs.ANYONE, ready),
        Route("GET", "/metrics", Needs.ANYONE, figures),
    ),
    refuse,
)
