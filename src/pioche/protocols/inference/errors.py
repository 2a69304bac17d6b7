"""How the APIs of inference say no: each in its own words, with the headers that the Hub's clients know."""

from pioche.errors import BadRequest, EngineFailed, HubError, InvalidInput, ModelLoading
from pioche.http import errors
from pioche.http.messages import Request, Response, json_response

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}
_TGI_TYPES = {422: "validation", 424: "generation", 429: "overloaded"}
_TEI_TYPES = {413: "Validation", 422: "Validation", 400: "Validation", 429: "Overloaded", 500: "Inference"}


def render_task(_request: Request, error: HubError) -> Response:
    """`{"error"}`, as the public Hub's task API."""
    body: dict[str, object] = {"error": error.message}
    if isinstance(error, ModelLoading):
        body["estimated_time"] = float(error.seconds)
    if isinstance(error, InvalidInput):
        body["field"] = error.field
    # By these words the Hub's client tells what went wrong with a text that is written. With others it would miss what our
    # headers say.
    if (kind := _TGI_TYPES.get(_tgi_status(error))) is not None:
        body["error_type"] = kind
    return json_response(body, status=error.status, headers=errors.headers(error))


def render_openai(_request: Request, error: HubError) -> Response:
    """`{"error": {"message", "type", "param", "code"}}`."""
    found = {
        "message": error.message,
        "type": _TYPES.get(error.status, "server_error" if error.status >= 500 else "invalid_request_error"),
        "param": error.field if isinstance(error, InvalidInput) else None,
        "code": error.code,
    }
    return json_response({"error": found}, status=error.status, headers=errors.headers(error))


def render_tgi(_request: Request, error: HubError) -> Response:
    """`{"error", "error_type"}` with statuses of its own for what is wrong with a request, and for what went wrong with it."""
    status = _tgi_status(error)
    kind = _TGI_TYPES.get(status, "unhealthy" if status >= 500 else "validation")
    return json_response({"error": error.message, "error_type": kind}, status=status, headers=errors.headers(error))


def _tgi_status(error: HubError) -> int:
    if isinstance(error, EngineFailed):
        return 424
    return 422 if isinstance(error, BadRequest) else error.status


def render_tei(_request: Request, error: HubError) -> Response:
    """`{"error", "error_type"}`."""
    kind = _TEI_TYPES.get(error.status, "Backend" if error.status >= 500 else "Validation")
    return json_response(
        {"error": error.message, "error_type": kind}, status=error.status, headers=errors.headers(error)
    )


def render_oip(_request: Request, error: HubError) -> Response:
    """`{"error"}`, as the Open Inference Protocol."""
    return json_response({"error": error.message}, status=error.status, headers=errors.headers(error))
