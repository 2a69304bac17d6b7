"""/notifications/unsubscribe: ends letters about what somebody is told of, by the key that stands in each of them, without
signing in. Mail programs do it with one click (RFC 8058): they post to the address in the letter, from anywhere."""

from pioche.accounts import mail_choices
from pioche.accounts.mail_choices import Frequency
from pioche.errors import Forbidden
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.web import layout

_FORM_BYTES_MAX = 16 * 1024
_PATH = "/notifications/unsubscribe"
_HEADERS = [("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")]


async def page(request: Request) -> Response:
    """GET: looking ends nothing, since programs that check links for people look, too."""
    return await _answer(request)


async def end(request: Request) -> Response:
    """POST: as the button of the page, or of a mail program. Raises Forbidden."""
    await request.run(mail_choices.end, request.hub.database, _key(request))
    return await _answer(request)


async def _answer(request: Request) -> Response:
    key = _key(request)
    try:
        name, often = await request.run(mail_choices.bearer, request.hub.database, key)
    except Forbidden:
        return layout.page(request, "unsubscribe.html", status=410, headers=_HEADERS, name="", key="", is_over=False)
    is_over = often is Frequency.OFF
    return layout.page(request, "unsubscribe.html", headers=_HEADERS, name=name, key=key, is_over=is_over)


def _key(request: Request) -> str:
    return request.query.get("key") or ""


ROUTES = (
    Route("GET", _PATH, Needs.ANYONE, page),
    Route("POST", _PATH, Needs.SIGNATURE, end, _FORM_BYTES_MAX),
)
