"""HTTP/1.1 on a Unix socket, as much of it as our own gateway speaks: bodies of known length, connections that are kept.

A server for the world would need ten times as much; here one asks who is trusted more than the model that answers. What it
does not understand ends the connection. A client that leaves cancels what was begun for it.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

_HEAD_BYTES_MAX = 16 * 1024
_BODY_BYTES_MAX = 64 * 2**20
_DRAIN_SECONDS = 8.0
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    body: bytes
    trace: str = ""
    """The `traceparent` of who asks, where requests are traced."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Stream:
    """Sent as it comes, as server-sent events; when the client leaves, it is closed."""

    pieces: AsyncGenerator[bytes, None]


Answer = Callable[[Request], Awaitable[Reply | Stream]]


@asynccontextmanager
async def listening(place: str | socket.socket, answer: Answer) -> AsyncIterator[None]:
    """Serves inside of the block, on a new socket at a path or on one that listens. When it is
    left, what has come is answered, for some seconds, and nothing more is taken."""
    loop = asyncio.get_running_loop()
    connections = set[_Connection]()
    path, own = (place, None) if isinstance(place, str) else (None, place)
    server = await loop.create_unix_server(lambda: _Connection(answer, connections), path, sock=own)
    try:
        yield
    finally:
        server.close()
        answering = [task for connection in connections if (task := connection.drain()) is not None]
        if answering:
            await asyncio.wait(answering, timeout=_DRAIN_SECONDS)


class _Malformed(Exception):
    """Not what our gateway sends."""


class _Connection(asyncio.Protocol):
    def __init__(self, answer: Answer, connections: "set[_Connection]") -> None:
        self._answer = answer
        self._connections = connections
        self._is_draining = False
        self._received = bytearray()
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # a stream's is
        self._transport = transport
        self._connections.add(self)
        self._writable = asyncio.Event()
        self._writable.set()

    def drain(self) -> "asyncio.Task[None] | None":
        """Closes once what is being answered has been; that, if something is. What comes after it is for the next worker."""
        self._is_draining = True
        if self._answering is None:
            self._transport.close()
        return self._answering

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._answering is None:
            self._next()

    def connection_lost(self, _error: Exception | None) -> None:
        self._connections.discard(self)
        if self._answering is not None:
            self._answering.cancel()

    def _next(self) -> None:
        """Begins to answer, if a request has come whole."""
        try:
            request = _take(self._received)
        except _Malformed:
            self._transport.abort()
            return
        if request is not None:
            self._answering = asyncio.get_running_loop().create_task(self._reply(request))

    async def _reply(self, request: Request) -> None:
        try:
            await self._send_reply(await self._answer(request))
        except BaseException:
            # A mistake of ours, which asyncio logs: whoever waits is not left waiting.
            self._transport.abort()
            raise
        self._answering = None
        if self._is_draining:
            self._transport.close()
        else:
            self._next()

    async def _send_reply(self, reply: Reply | Stream) -> None:
        if isinstance(reply, Stream):
            await self._send(reply)
            return
        head = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n"
        head += f"content-type: {reply.content_type}\r\ncontent-length: {len(reply.body)}\r\n\r\n"
        self._transport.write(head.encode() + reply.body)

    async def _send(self, stream: Stream) -> None:
        """No faster than the client reads."""
        self._transport.write(_STREAM_HEAD)
        async with aclosing(stream.pieces) as pieces:
            async for piece in pieces:
                self._transport.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                if self._transport.is_closing():
                    return
                await self._writable.wait()
        self._transport.write(b"0\r\n\r\n")


def _take(received: bytearray) -> Request | None:
    """The first request, removed; None while it is not whole. Raises _Malformed."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        if len(received) > _HEAD_BYTES_MAX:
            raise _Malformed
        return None
    first, *lines = bytes(received[:end]).split(b"\r\n")
    length, trace = _length(lines), b"".join(_values(lines, b"traceparent"))
    whole = end + 4 + length
    if len(received) < whole:
        return None
    method, path = _asked(first)
    body = bytes(received[end + 4 : whole])
    del received[:whole]
    return Request(method, path, body, trace.decode("ascii", "replace"))


def _asked(line: bytes) -> tuple[str, str]:
    try:
        method, path, version = line.decode("ascii").split(" ")
    except ValueError:
        raise _Malformed from None
    if version != "HTTP/1.1":
        raise _Malformed
    return method, path


def _length(lines: list[bytes]) -> int:
    lengths = _values(lines, b"content-length")
    if not lengths:
        return 0
    if len(lengths) > 1 or not lengths[0].isdigit() or int(lengths[0]) > _BODY_BYTES_MAX:
        raise _Malformed
    return int(lengths[0])


def _values(lines: list[bytes], wanted: bytes) -> list[bytes]:
    found = (line.partition(b":") for line in lines)
    return [value.strip() for name, _, value in found if name.lower() == wanted]
