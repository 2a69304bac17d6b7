"""Asking a worker: HTTP/1.1, as much of it as workers speak, over its Unix socket, or over the network through whatever
stands before it. Connections are kept and used again."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from pioche.runner import sockets
from pioche.serving import workers
from pioche.serving.address import SECRET, WORKER, Address

_KEPT = 64
_HEAD_BYTES_MAX = 64 * 1024
_CONNECT_SECONDS = 5.0


class Broken(Exception):
    """The worker ended, or closed the connection, before its answer was whole. `began`: some of it was there."""

    def __init__(self, *, began: bool = False) -> None:
        super().__init__()
        self.began = began


@dataclass(slots=True)
class Answer:
    """`pieces` is None where the body is there whole. `headers` are for whoever asked."""

    status: int
    content_type: str
    body: bytes
    pieces: AsyncGenerator[bytes] | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Wire:
    """To one worker."""

    def __init__(self, address: Address, number: int) -> None:
        self.number = number
        self._address = address
        self._prefix = address.prefix.encode()
        self._headers = _headers(address)
        self._idle: list[_Connection] = []

    async def ask(self, path: str, body: bytes, trace: str = "", *, method: str = "POST") -> Answer:
        """Cancelled, it closes the connection, which cancels the request. `trace` is a `traceparent`. Raises Broken."""
        traced = b"traceparent: %b\r\n" % trace.encode() if trace else b""
        head = b"%b %b%b HTTP/1.1\r\n%b%b" % (method.encode(), self._prefix, path.encode(), self._headers, traced)
        if (kept := self._kept()) is not None:
            try:
                return await self._ask(kept, head, body)
            except Broken:
                if not self._address.url:
                    raise
                # What stands before it starts anew whenever there is another worker, and closes what is idle.
        return await self._ask(await self._connect(), head, body)

    async def _ask(self, connection: "_Connection", head: bytes, body: bytes) -> Answer:
        try:
            answer = await connection.ask(head, body, is_marked=bool(self._headers))
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            connection.close()
            raise Broken from None
        except BaseException:
            connection.close()
            raise
        if answer.pieces is None:
            self._keep(connection)
        else:
            answer.pieces = self._through(connection, answer.pieces)
        return answer

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _through(self, connection: "_Connection", pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        is_whole = False
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    yield piece
            is_whole = True
        except (OSError, asyncio.IncompleteReadError, ValueError):
            raise Broken(began=True) from None
        finally:
            if is_whole:
                self._keep(connection)
            else:
                connection.close()

    def _kept(self) -> "_Connection | None":
        """One that is idle. What stands before a worker closes those that are idle for long."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
            connection.close()
        return None

    async def _connect(self) -> "_Connection":
        try:
            if self._address.url:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    there = self._address.host, self._address.port
                    return _Connection(*await asyncio.open_connection(*there, limit=_HEAD_BYTES_MAX))
            wire = sockets.connect(Path(self._address.folder), workers.SOCKET)
            wire.settimeout(0)
            return _Connection(*await asyncio.open_unix_connection(sock=wire, limit=_HEAD_BYTES_MAX))
        except OSError:
            raise Broken from None

    def _keep(self, connection: "_Connection") -> None:
        if len(self._idle) < _KEPT and not connection.is_last:
            self._idle.append(connection)
        else:
            connection.close()


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.is_last = False
        """Whether the other side closes it after this answer."""

    @property
    def is_open(self) -> bool:
        return not self._reader.at_eof()

    async def ask(self, head: bytes, body: bytes, *, is_marked: bool) -> Answer:
        """`is_marked`: only what has the mark of a worker is an answer."""
        self._writer.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        await self._writer.drain()
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if is_marked and WORKER not in headers:
            raise ConnectionError("something else answered in the worker's place")
        self.is_last = headers.get("connection", "").lower() == "close"
        answer = Answer(int(first.split(" ")[1]), headers.get("content-type", ""), b"")
        if headers.get("transfer-encoding") == "chunked":
            answer.pieces = self._chunks()
        else:
            answer.body = await self._reader.readexactly(int(headers.get("content-length", "")))
        return answer

    async def _chunks(self) -> AsyncGenerator[bytes]:
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readexactly(2)

    def close(self) -> None:
        self._writer.close()


def _headers(address: Address) -> bytes:
    """What a worker behind the network has to be told with each request; nothing at a socket."""
    if not address.url:
        return b""
    return f"host: {address.host}:{address.port}\r\n{SECRET}: {address.secret}\r\n".encode("ascii")
