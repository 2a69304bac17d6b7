"""How LFS says no (git-lfs `docs/api/batch.md`, Response Errors): JSON `{"message"}`."""

from pioche.errors import HubError
from pioche.http import errors
from pioche.http.messages import Headers, Request, Response, json_response

CONTENT_TYPE = "application/vnd.git-lfs+json"


def render(request: Request, error: HubError) -> Response:
    """With the REST API's headers too: huggingface_hub sends batches and picks its exception by them."""
    headers = errors.headers(error, challenge=errors.BASIC)
    if error.status == 401:
        headers.append(("LFS-Authenticate", errors.BASIC))
    return lfs_response({"message": error.explanation, "request_id": request.id}, status=error.status, headers=headers)


def lfs_response(content: object, *, status: int = 200, headers: Headers | None = None) -> Response:
    response = json_response(content, status=status, headers=headers)
    response.headers[0] = ("Content-Type", CONTENT_TYPE)
    return response
