"""How the REST API says no (hub-api.md section 1): JSON `{"error"}`, `X-Error-Message`, `X-Error-Code`."""

from pioche.errors import AlreadyExists, HubError
<<<<<<< HEAD
from pioche.http.errors import headers
=======
from pioche.http import refusals
>>>>>>> 858f69e (Files out: resolve and raw with ranges)
from pioche.http.messages import Request, Response, json_response


def render(_request: Request, error: HubError) -> Response:
    body: dict[str, object] = {"error": error.message}
    if isinstance(error, AlreadyExists) and error.url:
        body["url"] = error.url
<<<<<<< HEAD
    return json_response(body, status=error.status, headers=headers(error))
=======
    return json_response(body, status=error.status, headers=refusals.headers(error))
>>>>>>> 858f69e (Files out: resolve and raw with ranges)
