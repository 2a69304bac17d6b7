"""The bytes of one command. Whatever ends a channel early is ClientLeft here; silence is bounded, and so is what waits in
memory: asyncssh asks for more when what it has was taken."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any

import asyncssh
from asyncssh.packet import SSHPacket

from pioche.errors import BadRequest, RequestTimeout, TooLarge
from pioche.git import wire
from pioche.git.wire import Mark
from pioche.http.messages import ClientLeft

WINDOW_BYTES = 2 * 2**20
_PIECE_BYTES = 64 * 1024
_ENVIRONMENT = {b"GIT_PROTOCOL"}
_ENVIRONMENT_BYTES_MAX = 256
_LEFT = (asyncssh.Error, asyncssh.BreakReceived, asyncssh.SignalReceived, asyncssh.TerminalSizeChanged, OSError)


class Channel(asyncssh.SSHServerChannel[bytes]):
    """Takes one variable of the environment: asyncssh would keep whatever it is sent."""

    def _process_env_request(self, packet: SSHPacket) -> bool:
        name, value = packet.get_string(), packet.get_string()
        packet.check_end()
        if name not in _ENVIRONMENT or len(value) > _ENVIRONMENT_BYTES_MAX:
            return False
        self._env[name] = value
        return True


@dataclass(frozen=True, slots=True)
class Stream:
    """What a client says and is told. Raises ClientLeft, and RequestTimeout past `idle_seconds` without a byte."""

    stdin: asyncssh.SSHReader[bytes]
    stdout: asyncssh.SSHWriter[bytes]
    stderr: asyncssh.SSHWriter[bytes]
    idle_seconds: float

    async def read(self) -> bytes:
        """Some bytes; none at the end."""
        try:
            async with asyncio.timeout(self.idle_seconds):
                return await self.stdin.read(_PIECE_BYTES)
        except TimeoutError:
            raise RequestTimeout(f"Nothing came for {self.idle_seconds:g} seconds") from None
        except _LEFT:
            raise ClientLeft from None

    async def pieces(self) -> AsyncIterator[bytes]:
        while piece := await self.read():
            yield piece

    async def write(self, data: bytes) -> None:
        """Returns when the client has taken so much that more may follow."""
        await self._write(self.stdout, data)

    async def tell(self, text: str) -> None:
        """A line for the person at the other end."""
        line = "".join(char if char.isprintable() else "?" for char in text)
        await self._write(self.stderr, f"{line}\n".encode())

    async def requests(self, bytes_max: int) -> AsyncIterator[bytes]:
        """The requests of protocol 2, each with the flush at its end. Raises BadRequest, TooLarge."""
        found, at = bytearray(), 0
        while True:
            taken = wire.take_packet(found, at)
            if taken is not None:
                content, at = taken
                if content is Mark.FLUSH:
                    yield bytes(found[:at])
                    del found[:at]
                    at = 0
                continue
            piece = await self.read()
            if not piece and found:
                raise BadRequest("The request ends in the middle of a git packet")
            if not piece:
                return
            found += piece
            if len(found) > bytes_max:
                raise TooLarge(f"The request may have at most {bytes_max} bytes")

    async def until_left(self, work: Coroutine[Any, Any, None]) -> None:
        """Does `work`, which is cancelled when the client leaves. Raises ClientLeft then."""
        task, leaving = asyncio.create_task(work), asyncio.create_task(self.stdin.channel.wait_closed())
        try:
            await asyncio.wait((task, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientLeft
            await task
        finally:
            task.cancel()
            leaving.cancel()
            await asyncio.wait((task, leaving))

    async def _write(self, writer: asyncssh.SSHWriter[bytes], data: bytes) -> None:
        try:
            writer.write(data)
            async with asyncio.timeout(self.idle_seconds):
                await writer.drain()
        except TimeoutError:
            raise ClientLeft from None
        except _LEFT:
            raise ClientLeft from None
