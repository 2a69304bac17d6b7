"""Answers on their way out: the headers, then bytes at the pace of the client, and none once it has left."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import lru_cache
from typing import Any

from pioche.errors import HubError
from pioche.http.messages import Encoded, Headers, Receive, Request, Response, left
from pioche.http.sources import FileSource, Piece, Source, close_pieces
from pioche.observe import log

Send = Callable[[dict[str, Any]], Awaitable[None]]

_STALL_SECONDS = 300.0
"""How long an answer may stand still, the client taking no bytes at all or the source giving none; then it is closed."""
_RENEWED_SECONDS = 1.0
_TURN_BYTES = 2**20  # what is sent before others get the loop

# On every answer of the public Hub (hub-recordings.md); no credentials cross origins, so `*` is safe.
_COMMON: Encoded = [
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        (
            b"X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,"
            b"Content-Range,Content-Length,X-Linked-Size,X-Linked-ETag,X-Xet-Hash"
        ),
    ),
    (b"access-control-max-age", b"86400"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"server", b"Pioche"),
    (b"vary", b"Origin"),
    (b"x-content-type-options", b"nosniff"),
]
_COMMON_NAMES = frozenset(name for name, _ in _COMMON)
_NO_BODY = frozenset((204, 304))
_CONTROLS = {code: " " for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x09}


async def send_response(request: Request, response: Response, receive: Receive, send: Send) -> int:
    """Sends headers and body; returns the bytes of body sent. HEAD sends the headers of GET and no body."""
    body: bytes | bytearray | Source = response.body
    await send({"type": "http.response.start", "status": response.status, "headers": _headers(request, response)})
    if request.method == "HEAD" or response.status in _NO_BODY:
        body = b""
    elif isinstance(body, FileSource):
        body = body.at_once() or body
    if not isinstance(body, bytes | bytearray):
        return await _send_source(request, body, receive, send)
    await send({"type": "http.response.body", "body": body})
    return len(body)


def _headers(request: Request, response: Response) -> Encoded:
    if response.encoded is None:
        response.encoded = _encode(response)
    return [*response.encoded, (b"x-request-id", request.id.encode())]


def encode(headers: Headers) -> Encoded:
    """As they are sent, with those that every answer has; Content-Length only if it is among them."""
    found = [_encoded(header) for header in headers]
    names = {name for name, _ in found}
    if names.isdisjoint(_COMMON_NAMES):
        found += _COMMON
    else:
        found += [header for header in _COMMON if header[0] not in names]
    return found


def _encode(response: Response) -> Encoded:
    found = encode(response.headers)
    has_length = any(name == b"content-length" for name, _ in found)
    if not has_length and response.status not in _NO_BODY:
        length = len(response.body) if isinstance(response.body, bytes) else response.body.length
        if length is not None:
            found.append((b"content-length", b"%d" % length))
    return found


@lru_cache(maxsize=8192)
def _encoded(header: tuple[str, str]) -> tuple[bytes, bytes]:
    """What cannot stand in a header's value is replaced: values may quote what a client sent."""
    name, value = header
    if not value.isprintable():
        value = value.translate(_CONTROLS)
    return name.lower().encode(), value.encode("latin-1", "replace")


async def _send_source(request: Request, source: Source, receive: Receive, send: Send) -> int:
    """Piece by piece, never more than a few pieces ahead of the client (Granian's `send` waits).

    When the source fails the status is out already: ending before the announced length is what tells the client. A
    source without a length has to carry its own end, as git's do.
    """
    pieces = source.pieces()
    try:
        first = await anext(pieces, b"")
        if source.length is not None and len(first) == source.length:
            await send({"type": "http.response.body", "body": first})
            return len(first)
        return await _send_pieces(first, pieces, receive, send)
    except HubError as error:
        log.failure(request.method, request.raw_path, error)
        return 0
    finally:
        await close_pieces(pieces)


async def _send_pieces(first: Piece, pieces: AsyncIterator[Piece], receive: Receive, send: Send) -> int:
    """Granian does not raise when a client leaves: it says so to whoever is receiving."""
    leaving, loop = asyncio.ensure_future(left(receive)), asyncio.get_running_loop()
    sent, turn, piece, renewed_at = 0, 0, first, loop.time()
    try:
        async with asyncio.timeout(_STALL_SECONDS) as patience:
            while piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                sent += len(piece)
                if sent - turn >= _TURN_BYTES:
                    # Neither `send` nor a read from the page cache gives the loop to others, and `leaving` is one of them.
                    await asyncio.sleep(0)
                    turn = sent
                if leaving.done():
                    return sent
                if (now := loop.time()) - renewed_at > _RENEWED_SECONDS:
                    patience.reschedule(now + _STALL_SECONDS)
                    renewed_at = now
                piece = await anext(pieces, b"")
            await send({"type": "http.response.body", "body": b""})
    except TimeoutError:
        pass  # it takes nothing: as good as gone
    finally:
        leaving.cancel()
    return sent
