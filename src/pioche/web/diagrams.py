"""The frame in which diagrams of cards are drawn (ui.md M1).

What draws them, mermaid, is large, writes styles into pages, and has had holes. So it never runs on a page of ours: the frame
has no origin (`sandbox` in its own policy, which counts also when somebody opens its address), may fetch nothing but that one
script, and is told the text of a diagram by the page around it (`static/js/diagrams.js`), which hears back how tall it is.
"""

from pioche.errors import NotFound
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web import assets, layout

_SCRIPT = "vendor/mermaid.js"
_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src {script}; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)


async def frame(request: Request) -> Response:
    """GET /embed/diagram."""
    found = assets.load().by_name.get(_SCRIPT)
    if found is None:
        raise NotFound(_("The scripts of other projects were not built into this hub."))
    site = layout.site(request)
    html = layout.render(
        "site/diagram.html", language=site.language, script=assets.url(_SCRIPT), integrity=found.integrity
    )
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", _POLICY.format(script=site.address + assets.url(_SCRIPT))),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cache-Control", "no-cache"),
        ("Vary", "Accept-Language, Cookie, Origin"),
    ]
    return Response(200, headers, html.encode())


ROUTES = (Route("GET", "/embed/diagram", Needs.ANYONE, frame),)
