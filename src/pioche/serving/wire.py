"""Asking a worker: HTTP/1.1 over its Unix socket, as much of it as workers speak. Connections are kept and used again."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from pioche.runner import sockets
from pioche.serving import workers

_KEPT = 64
_HEAD_BYTES_MAX = 64 * 1024


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

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self._folder = folder
        self._idle: list[_Connection] = []

    async def ask(self, path: str, body: bytes, trace: str = "") -> Answer:
        """Cancelled, it closes the connection, which cancels the request. `trace` is a `traceparent`. Raises Broken."""
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            answer = await connection.ask(path, body, trace)
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

    async def _connect(self) -> "_Connection":
        try:
            wire = sockets.connect(self._folder, workers.SOCKET)
            wire.settimeout(0)
            return _Connection(*await asyncio.open_unix_connection(sock=wire, limit=_HEAD_BYTES_MAX))
        except OSError:
            raise Broken from None

    def _keep(self, connection: "_Connection") -> None:
        if len(self._idle) < _KEPT:
            self._idle.append(connection)
        else:
            connection.close()


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, path: str, body: bytes, trace: str) -> Answer:
        traced = b"traceparent: %b\r\n" % trace.encode() if trace else b""
        head = b"POST %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n" % (path.encode(), traced, len(body))
        self._writer.write(head + body)
        await self._writer.drain()
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        answer = Answer(int(first.split(" ")[1]), headers.get("content-type", ""), b"")
        if headers.get("transfer-encoding") == "chunked":
            answer.pieces = self._chunks()
        else:
            answer.body = await self._reader.readexactly(int(headers["content-length"]))
        return answer

    async def _chunks(self) -> AsyncGenerator[bytes]:
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readexactly(2)

    def close(self) -> None:
        self._writer.close()
