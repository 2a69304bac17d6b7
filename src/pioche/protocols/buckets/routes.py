"""The table of buckets. Their Xet tokens are in the Xet tables, moving one is `/api/repos/move`."""

from pioche.accounts.scopes import Permission
from pioche.http.limits import Bucket
from pioche.http.routes import Needs, Protocol, Route
from pioche.protocols.buckets import downloads, errors, events, files, management
from pioche.repos.access import Action

_BUCKET = "/api/{repo:bucket}"

ROUTES = (
    Route("GET", "/api/buckets/{name}", Needs.ANYONE, management.listing),
    Route("DELETE", "/api/buckets/{name}", Needs.USER_WRITE, management.delete_unnamed, scope=Permission.WRITE),
    Route("POST", "/api/buckets/{namespace}/{name}", Needs.USER_WRITE, management.create, scope=Permission.WRITE),
    Route("GET", _BUCKET, Action.READ, management.details),
    Route("DELETE", _BUCKET, Action.MANAGE, management.delete),
    Route("PUT", _BUCKET + "/settings", Action.MANAGE, management.settings),
    Route("GET", _BUCKET + "/tree", Action.READ, files.tree),
    Route("GET", _BUCKET + "/tree/{prefix*}", Action.READ, files.tree),
    Route("POST", _BUCKET + "/paths-info", Action.READ, files.paths_info),
    Route("POST", _BUCKET + "/batch", Action.WRITE, files.change, files.BATCH_BYTES_MAX),
    Route("GET", _BUCKET + "/events", Action.READ, events.follow),
    Route("GET", "/{repo:bucket}/resolve/{path*}", Action.CONTENT, downloads.resolve),
)

PROTOCOL = Protocol("buckets", ROUTES, errors.render, Bucket.API)
