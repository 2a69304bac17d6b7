"""How OAuth says no (RFC 6749 section 5.2, RFC 6750 section 3): `{"error", "error_description"}`."""

from pioche.errors import Failure, Forbidden, GrantRefused, HubError, InvalidClient, Unauthenticated
from pioche.http import errors
from pioche.http.messages import Headers, Request, Response, json_response


def render(_request: Request, error: HubError) -> Response:
    headers: Headers = [*errors.headers(error), ("Cache-Control", "no-store")]
    if isinstance(error, InvalidClient):
        headers.append(("WWW-Authenticate", 'Basic realm="oauth"'))
    return json_response(
        {"error": _word(error), "error_description": error.message}, status=error.status, headers=headers
    )


def _word(error: HubError) -> str:
    if isinstance(error, GrantRefused):
        return error.error
    if isinstance(error, Unauthenticated):
        return "invalid_token"
    if isinstance(error, Forbidden):
        return "insufficient_scope"
    return "server_error" if isinstance(error, Failure) else "invalid_request"
