"""The table of contents of the pages."""

from pioche.http import errors
from pioche.http.routes import Needs, Protocol, Route
from pioche.web import pages

PROTOCOL = Protocol(
    "web",
    (
        Route("GET", "/", Needs.ANYONE, pages.home),
        Route("GET", "/static/{name}", Needs.ANYONE, pages.static),
    ),
    errors.render_text,
)
