"""The table of files out. Its dialect is plain text with the REST API's headers (hub-recordings.md, Errors)."""

from pioche.errors import HubError
from pioche.http import refusals
from pioche.http.messages import Request, Response, text_response
from pioche.http.routes import Protocol, Route
from pioche.protocols.files import downloads
from pioche.repos.access import Action


def render(_request: Request, error: HubError) -> Response:
    return text_response(error.message, status=error.status, headers=refusals.headers(error))


# HEAD is served by the same routes.
ROUTES = (
    Route("GET", "/{repo:web}/resolve/{rev}/{path*}", Action.CONTENT, downloads.resolve),
    Route("GET", "/{repo:web}/raw/{rev}/{path*}", Action.CONTENT, downloads.raw),
)

PROTOCOL = Protocol("files", ROUTES, render)
