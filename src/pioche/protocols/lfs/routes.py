"""The table of LFS: the API below the repo's git address, and `/lfs/...` for the signed addresses."""

from pioche.errors import NotFound
from pioche.http.limits import Bucket
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Protocol, Route
from pioche.protocols.lfs import errors, transfers
from pioche.protocols.lfs.batch import batch, batch_by_pass
from pioche.repos.access import Action

_STREAM = -1  # the handler counts the bytes itself


async def no_locks(_request: Request) -> Response:
    """The locks API, as on the public Hub: git-lfs takes 404 for "not offered" and pushes on."""
    raise NotFound("LFS locks are not offered")


ROUTES = (
    # The right depends on the body: the handler opens the repo again.
    Route("POST", "/{repo:git}/info/lfs/objects/batch", Action.READ, batch),
    Route("GET", "/{repo:git}/info/lfs/locks", Action.READ, no_locks),
    Route("POST", "/{repo:git}/info/lfs/locks", Action.READ, no_locks),
    Route("POST", "/{repo:git}/info/lfs/locks/verify", Action.READ, no_locks),
    Route("POST", "/{repo:git}/info/lfs/locks/{id}/unlock", Action.READ, no_locks),
    # As the three above, for who comes over SSH: the credentials are what git-lfs-authenticate gave.
    Route("POST", "/lfs/{uid}/objects/batch", Needs.SIGNATURE, batch_by_pass),
    Route("GET", "/lfs/{uid}/locks", Needs.SIGNATURE, no_locks),
    Route("POST", "/lfs/{uid}/locks/verify", Needs.SIGNATURE, no_locks),
    Route("GET", "/lfs/{uid}/{oid}", Needs.SIGNATURE, transfers.download),
    Route("PUT", "/lfs/{uid}/{oid}", Needs.SIGNATURE, transfers.upload, _STREAM),
    Route("POST", "/lfs/{uid}/{oid}/verify", Needs.SIGNATURE, transfers.verify),
    Route("PUT", "/lfs/{uid}/{oid}/parts/{upload}/{number}", Needs.SIGNATURE, transfers.upload_part, _STREAM),
    Route("POST", "/lfs/{uid}/{oid}/parts/{upload}", Needs.SIGNATURE, transfers.complete),
)

PROTOCOL = Protocol("lfs", ROUTES, errors.render, Bucket.RESOLVERS)
