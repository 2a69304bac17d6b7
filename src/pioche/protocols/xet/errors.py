"""How the Xet routes say no. Clients look at the status alone; the message is for people.

A CAS refuses wrong bytes with 400 (xet.md section 7), where the rest of the hub says 422.
"""

from pioche.errors import HubError, MethodNotAllowed, RangeNotSatisfiable, Unprocessable
from pioche.http.messages import Headers, Request, Response, json_response


def render_cas(_request: Request, error: HubError) -> Response:
    status = 400 if isinstance(error, Unprocessable) else error.status
    headers: Headers = []
    if error.code:
        headers.append(("X-Error-Code", error.code))
    if isinstance(error, RangeNotSatisfiable):
        headers.append(("Content-Range", f"bytes */{error.size}"))
    return _refusal(error, status, headers)


def render_token(_request: Request, error: HubError) -> Response:
    """The hub's own dialect: huggingface_hub picks its exception by `X-Error-Code`."""
    headers: Headers = [("X-Error-Message", error.message.replace("\r", " ").replace("\n", " "))]
    if error.code:
        headers.append(("X-Error-Code", error.code))
    if error.status == 401:
        headers.append(("WWW-Authenticate", 'Bearer realm="Authentication required", charset="UTF-8"'))
    return _refusal(error, error.status, headers)


def _refusal(error: HubError, status: int, headers: Headers) -> Response:
    if isinstance(error, MethodNotAllowed):
        headers.append(("Allow", ", ".join(error.allowed)))
    return json_response({"error": error.explanation}, status=status, headers=headers)
