"""How the REST API says no (hub-api.md section 1): JSON `{"error"}`, `X-Error-Message`, `X-Error-Code`."""

from pioche.errors import AlreadyExists, Disabled, HubError
from pioche.http.errors import headers
from pioche.http.messages import Request, Response, json_response


def render(_request: Request, error: HubError) -> Response:
    """The code is sent whenever there is one: over plain http the clients have nothing else to go by."""
    body: dict[str, object] = {"error": error.message}
    if isinstance(error, AlreadyExists) and error.url:
        body["url"] = error.url
    if isinstance(error, Disabled) and error.reason:
        body["errors"] = [{"message": error.reason}]  # which clients show besides
    return json_response(body, status=error.status, headers=headers(error))
