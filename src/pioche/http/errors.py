"""What refusals have in common on the wire, and the plain-text dialect of files and pages."""

from pioche.errors import (
    EntryNotFound,
    HubError,
    MethodNotAllowed,
    ModelLoading,
    RangeNotSatisfiable,
    RateLimited,
    TooManyRequests,
)
from pioche.http.messages import Headers, Request, Response, text_response

BEARER = 'Bearer realm="Authentication required", charset="UTF-8"'
BASIC = 'Basic realm="Pioche: any user name, an access token as password", charset="UTF-8"'
"""git and git-lfs ask for a password only after this challenge."""

_MESSAGE_CHARACTERS_MAX = 1000  # the body has all of it


def headers(error: HubError, *, challenge: str = BEARER) -> Headers:
    """The headers by which clients choose their exception (hub-api.md section 1), whatever the body."""
    found: Headers = [("X-Error-Message", error.message[:_MESSAGE_CHARACTERS_MAX])]
    if error.code:
        found.append(("X-Error-Code", error.code))
    if error.status == 401:
        found.append(("WWW-Authenticate", challenge))
    if isinstance(error, EntryNotFound) and error.commit:
        found.append(("X-Repo-Commit", error.commit))
    if isinstance(error, RangeNotSatisfiable):
        found.append(("Content-Range", f"bytes */{error.size}"))
    if isinstance(error, MethodNotAllowed):
        found.append(("Allow", ", ".join(error.allowed)))
    if isinstance(error, TooManyRequests | ModelLoading) and error.seconds is not None:
        found.append(("Retry-After", str(error.seconds)))
    if isinstance(error, RateLimited):
        found.extend(error.headers)
    return found


def render_text(_request: Request, error: HubError) -> Response:
    """The message alone, as `resolve` answers on the public Hub."""
    return text_response(error.explanation, status=error.status, headers=headers(error))
