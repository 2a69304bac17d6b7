"""How the buckets API says no: as the REST API does (hub-api.md section 1)."""

from pioche.errors import AlreadyExists, Disabled, HubError
from pioche.http.errors import headers
from pioche.http.messages import Request, Response, json_response


def render(_request: Request, error: HubError) -> Response:
    """409 carries the address of what is there, for `exist_ok`."""
    body: dict[str, object] = {"error": error.message}
    if isinstance(error, AlreadyExists) and error.url:
        body["url"] = error.url
    if isinstance(error, Disabled) and error.reason:
        body["errors"] = [{"message": error.reason}]  # which clients show besides
    return json_response(body, status=error.status, headers=headers(error))
