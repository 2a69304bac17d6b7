"""How the REST API says no (hub-api.md section 1): JSON `{"error"}`, `X-Error-Message`, `X-Error-Code`."""

from pioche.errors import AlreadyExists, EntryNotFound, HubError, MethodNotAllowed, RangeNotSatisfiable
from pioche.http.messages import Headers, Request, Response, json_response

_CHALLENGE = ("WWW-Authenticate", 'Bearer realm="Authentication required", charset="UTF-8"')


def render(_request: Request, error: HubError) -> Response:
    """The code is sent whenever there is one: over plain http the clients have nothing else to go by."""
    body: dict[str, object] = {"error": error.message}
    if isinstance(error, AlreadyExists) and error.url:
        body["url"] = error.url
    return json_response(body, status=error.status, headers=headers(error))


def headers(error: HubError) -> Headers:
    """The headers of a refusal, the same whether its body is JSON or text."""
    found: Headers = [("X-Error-Message", error.message.replace("\r", " ").replace("\n", " "))]
    if error.code:
        found.append(("X-Error-Code", error.code))
    if error.status == 401:
        found.append(_CHALLENGE)
    if isinstance(error, EntryNotFound) and error.commit:
        found.append(("X-Repo-Commit", error.commit))
    if isinstance(error, RangeNotSatisfiable):
        found.append(("Content-Range", f"bytes */{error.size}"))
    if isinstance(error, MethodNotAllowed):
        found.append(("Allow", ", ".join(error.allowed)))
    return found
