"""Callers that come with a session's cookie instead of a token: people in browsers.

A browser sends cookies with whatever another site makes it ask for. So a session counts only for what comes from our own
pages, and what changes something has to bring a proof that no other site can know (scenario F-CSRF): the session's CSRF
token, in the header `X-CSRF-Token` or in the form's field `csrf`. Requests with an `Authorization` header need none
of this: no site can make a browser send one.

A cookie that counts no more is nobody's, and cleared; it is never a 401.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import replace
from urllib.parse import urlsplit

from pioche.errors import BadRequest, CrossSite
from pioche.http import cookies, placing
from pioche.http.messages import Request, Response

CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"

_SAFE = ("GET", "HEAD")
_NOT_KEPT = ("Cache-Control", "private, no-store")


async def identify(request: Request) -> None:
    """Sets `request.caller`, `signed_in` and `csrf_token` for a session that counts. Raises CrossSite."""
    secret = cookies.session_secret(request)
    if secret is None:
        return
    signed_in = await request.hub.callers.by_session(secret) if cookies.is_secret(secret) else None
    if signed_in is None:
        request.has_stale_session = True
        return
    if request.method in _SAFE:
        if not (is_from_us(request) or _is_followed_link(request)):
            return
    else:
        check_is_from_us(request)
        # Before the proof: a form of ours that lacks it comes back with it (`Route.rescue`), for whoever sends it again.
        request.csrf_token = csrf_token(secret)
        await _check_proof(request, request.csrf_token)
    request.caller = placing.at_address(request, signed_in.caller)
    request.signed_in, request.csrf_token = signed_in, csrf_token(secret)


def csrf_token(secret: str) -> str:
    """Of a session: nothing is stored for it, and the cookie cannot be told from it."""
    return urlsafe_b64encode(hmac.digest(secret.encode(), b"csrf", hashlib.sha256)).decode().rstrip("=")


def check_is_from_us(request: Request) -> None:
    """Raises CrossSite for what a browser says to come from another site's page."""
    if not is_from_us(request):
        raise CrossSite


def is_from_us(request: Request) -> bool:
    """Whether nothing says that another site's page made the browser ask. Neighbours under the same domain are other
    sites, too: Spaces may live there. Browsers send at least one of these headers with every form and every script's
    request that changes something; what sends neither is no browser."""
    headers = request.headers
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or _is_our_origin(request, origin)


def _is_our_origin(request: Request, origin: str) -> bool:
    if origin == request.base_url:
        return True
    # By another name than public_url's, or behind a proxy that the settings do not know of: what the browser's address
    # bar shows is what it puts into Host.
    host = request.headers.get("host", "")
    address = urlsplit(origin)
    return bool(host) and address.scheme in ("http", "https") and address.netloc == host


def _is_followed_link(request: Request) -> bool:
    """Somebody followed a link of another site to one of our pages, in a window of its own: it may show what is theirs."""
    headers = request.headers
    return (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")


async def _check_proof(request: Request, expected: str) -> None:
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.is_form and request.body_bytes_max >= 0:  # streams are not read here
        given = await _field(request)
    if given is None or not hmac.compare_digest(given.encode(), expected.encode()):
        raise CrossSite


async def _field(request: Request) -> str | None:
    """Of a form that cannot be read, none: whatever is wrong with it is not looked at before the proof."""
    try:
        return (await request.form()).get(CSRF_FIELD)
    except BadRequest:
        return None


def finished(request: Request, response: Response) -> Response:
    """What was answered to a session is for nobody else (scenario F-CACHE), unless the handler said how it is kept; and a
    cookie that does not count any more is taken back."""
    extra = []
    if request.has_stale_session and not any(name == "Set-Cookie" for name, _ in response.headers):
        extra = [cookies.drop_session(request.base_url), _NOT_KEPT]
    elif request.signed_in is not None and not any(name == "Cache-Control" for name, _ in response.headers):
        extra = [_NOT_KEPT]
    if not extra:
        return response
    names = {name for name, _ in extra}
    kept = [header for header in response.headers if header[0] not in names]
    return replace(response, headers=[*kept, *extra], encoded=None)
