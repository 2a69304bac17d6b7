"""What every dialect's refusal carries in its headers (hub-api.md section 1); the body is each protocol's own."""

from pioche.errors import EntryNotFound, HubError, MethodNotAllowed, RangeNotSatisfiable
from pioche.http.messages import Headers

BEARER = 'Bearer realm="Authentication required", charset="UTF-8"'
BASIC = 'Basic realm="Pioche: any user name, an access token as password", charset="UTF-8"'
"""git and git-lfs ask for a password only after this challenge."""


def headers(error: HubError, *, challenge: str = BEARER) -> Headers:
    """The code is sent whenever there is one: over plain http the clients have nothing else to go by."""
    found: Headers = [("X-Error-Message", error.message.replace("\r", " ").replace("\n", " "))]
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
    return found
