"""The least that an ASGI application can do: a fixed answer without looking at the request."""

from typing import Any

_BODY = b'{"id":"bench/model","sha":"0000000000000000000000000000000000000000","siblings":[]}'
_HEADERS = [
    (b"content-type", b"application/json; charset=utf-8"),
    (b"content-length", str(len(_BODY)).encode()),
    (b"x-repo-commit", b"0" * 40),
    (b"etag", b'"' + b"0" * 40 + b'"'),
]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else _BODY})
