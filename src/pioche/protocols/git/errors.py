"""How git is told no: plain text, which it prints after `remote: `; 401 with Basic, or it never asks for a password."""

from pioche.errors import HubError, MethodNotAllowed
from pioche.http.messages import Headers, Request, Response, text_response

_CHALLENGE = ("WWW-Authenticate", 'Basic realm="Pioche", charset="UTF-8"')


def render(_request: Request, error: HubError) -> Response:
    headers: Headers = [("X-Error-Message", error.message.replace("\r", " ").replace("\n", " "))]
    if error.code:
        headers.append(("X-Error-Code", error.code))
    if error.status == 401:
        headers.append(_CHALLENGE)
    if isinstance(error, MethodNotAllowed):
        headers.append(("Allow", ", ".join(error.allowed)))
    return text_response(f"{error.explanation}\n", status=error.status, headers=headers)
