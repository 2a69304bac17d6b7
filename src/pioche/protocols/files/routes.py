"""The table of files out. Its dialect is plain text with the REST API's headers (hub-recordings.md, Errors)."""

from pioche.http.errors import render_text
from pioche.http.limits import Bucket
from pioche.http.routes import Protocol, Route
from pioche.protocols.files import downloads
from pioche.repos.access import Action

# HEAD is served by the same routes.
ROUTES = (
    Route("GET", "/{repo:web}/resolve/{rev}/{path*}", Action.CONTENT, downloads.resolve),
    Route("GET", "/{repo:web}/raw/{rev}/{path*}", Action.CONTENT, downloads.raw),
)

PROTOCOL = Protocol("files", ROUTES, render_text, Bucket.RESOLVERS)
