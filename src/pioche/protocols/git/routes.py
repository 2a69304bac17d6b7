"""The table of smart HTTP."""

from pioche.http.limits import Bucket
from pioche.http.routes import Protocol, Route
from pioche.protocols.git import advertising, errors, fetching, pushing
from pioche.repos.access import Action

_STREAM = -1  # the handler limits the body itself

PROTOCOL = Protocol(
    "git",
    (
        # For pushing, the handler asks for the right to write as well.
        Route("GET", "/{repo:git}/info/refs", Action.CONTENT, advertising.info_refs),
        Route("POST", "/{repo:git}/git-upload-pack", Action.CONTENT, fetching.upload_pack, _STREAM),
        # The handler asks for WRITE, unless the push is to the caller's own pull requests.
        Route("POST", "/{repo:git}/git-receive-pack", Action.PROPOSE, pushing.receive_pack, _STREAM),
    ),
    errors.render,
    Bucket.RESOLVERS,
)
