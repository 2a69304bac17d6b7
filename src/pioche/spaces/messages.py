"""What web processes ask the controller of apps: msgpack in `frames`, over a Unix socket in a folder of this user's own."""

import asyncio
from enum import StrEnum
from pathlib import Path

import msgspec

from pioche import frames
from pioche.errors import NotOffered, Unavailable

BYTES_MAX = 8 * 2**20
_SECONDS = 5.0


class Kind(StrEnum):
    BUILD = "build"
    RUN = "run"


class Read(msgspec.Struct, frozen=True, tag=True):
    """The lines of a log from a number on."""

    repo: int
    kind: Kind
    since: int


class Hurry(msgspec.Struct, frozen=True, tag=True):
    """Somebody changed a row: look at them now."""


class Said(msgspec.Struct, frozen=True):
    """`lines` are (number, Unix seconds, text)."""

    lines: list[tuple[int, float, str]] = []


Question = Read | Hurry
question_decoder = msgspec.msgpack.Decoder(Question)
_said = msgspec.msgpack.Decoder(Said)
_encoder = msgspec.msgpack.Encoder()


def framed(message: Question | Said) -> bytes:
    return frames.framed(_encoder.encode(message))


class Controller:
    """The one of this machine, seen from a web process. `socket` None: it runs no apps."""

    def __init__(self, socket: Path | None) -> None:
        self._socket = socket

    @property
    def is_on(self) -> bool:
        return self._socket is not None

    async def read(self, repo: int, kind: Kind, since: int) -> list[tuple[int, float, str]]:
        """Raises NotOffered, Unavailable."""
        return (await self._ask(Read(repo, kind, since))).lines

    async def hurry(self) -> None:
        """Where it does not answer, it will look by itself."""
        try:
            await self._ask(Hurry())
        except (NotOffered, Unavailable):
            return

    async def _ask(self, question: Question) -> Said:
        if self._socket is None:
            raise NotOffered("This hub runs no apps: its setting spaces_port is 0")
        try:
            async with asyncio.timeout(_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                try:
                    writer.write(framed(question))
                    message = await frames.read(reader, bytes_max=BYTES_MAX)
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            message = None
        if message is None:
            raise Unavailable("What runs apps does not answer at this moment: try again")
        return _said.decode(message)
