"""The routes of OAuth."""

from pioche.http.limits import Bucket
from pioche.http.routes import Needs, Protocol, Route
from pioche.protocols.oauth import errors, tokens

_BODY_BYTES_MAX = 64 * 1024

PROTOCOL = Protocol(
    "oauth",
    (Route("POST", "/oauth/token", Needs.CREDENTIALS, tokens.give, _BODY_BYTES_MAX),),
    errors.render,
    Bucket.API,
)
