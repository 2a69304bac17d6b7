"""/login/address: somebody proves to read an address, by the link that was sent there. Looking does nothing: programs that
check links for people would use it up."""

from pioche.accounts import mail_addresses
from pioche.errors import Forbidden
from pioche.http.messages import Request, Response
from pioche.web import layout

_HEADERS = [("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")]


async def page(request: Request) -> Response:
    """GET /login/address?key=."""
    key = request.query.get("key") or ""
    try:
        user = await request.run(mail_addresses.find, request.hub.database, key)
    except Forbidden:
        return _over(request)
    return layout.page(
        request,
        "sessions/address.html",
        headers=_HEADERS,
        key=key,
        username=user.name,
        address=user.email,
        is_proved=False,
    )


async def prove(request: Request) -> Response:
    """POST /login/address: `key`."""
    key = (await request.form()).get("key") or ""
    try:
        user = await request.run(mail_addresses.prove, request.hub.database, key)
    except Forbidden:
        return _over(request)
    return layout.page(
        request,
        "sessions/address.html",
        headers=_HEADERS,
        key="",
        username=user.name,
        address=user.email,
        is_proved=True,
    )


def _over(request: Request) -> Response:
    return layout.page(request, "sessions/address_over.html", status=410, headers=_HEADERS)
