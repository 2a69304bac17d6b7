"""How OAuth says no (RFC 6749 section 5.2): `error` is one of a few words, `error_description` what to mend."""

from pioche.errors import HubError, InvalidGrant, UnsupportedGrant
from pioche.http import errors
from pioche.http.messages import Request, Response, json_response

_WORDS: tuple[tuple[type[HubError], str], ...] = (
    (InvalidGrant, "invalid_grant"),
    (UnsupportedGrant, "unsupported_grant_type"),
)


def render(_request: Request, error: HubError) -> Response:
    body = {"error": _word(error), "error_description": error.message}
    headers = [*errors.headers(error), ("Cache-Control", "no-store")]
    return json_response(body, status=error.status, headers=headers)


def _word(error: HubError) -> str:
    for kind, word in _WORDS:
        if isinstance(error, kind):
            return word
    return "invalid_request" if error.status < 500 else "server_error"
