"""Answers web processes, over a Unix socket."""

import asyncio
import contextlib
from pathlib import Path

import msgspec

from pioche import frames
from pioche.errors import Failure, HubError
from pioche.observe import log
from pioche.serving.controller.fleet import Fleet
from pioche.serving.controller.messages import (
    MESSAGE_BYTES_MAX,
    Look,
    Question,
    Reply,
    framed,
    question_decoder,
    refused,
)

_BACKLOG = 512


class Service:
    """`run` serves until it is cancelled, and ends all workers then."""

    def __init__(self, fleet: Fleet, socket: Path) -> None:
        self._fleet = fleet
        self._socket = socket

    async def run(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._socket.unlink()
        server = await asyncio.start_unix_server(self._serve, self._socket, backlog=_BACKLOG)
        self._socket.chmod(0o600)
        try:
            await self._fleet.keep()
        finally:
            server.close()
            with contextlib.suppress(FileNotFoundError):
                self._socket.unlink()
            await self._fleet.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (message := await frames.read(reader, bytes_max=MESSAGE_BYTES_MAX)) is not None:
                writer.write(framed(await self._answer(question_decoder.decode(message))))
                await writer.drain()
        except (ConnectionError, msgspec.DecodeError):
            return  # whoever asked has left, or is no process of this hub
        finally:
            writer.close()

    async def _answer(self, question: Question) -> Reply:
        if isinstance(question, Look):
            return self._fleet.look(question.spec)
        try:
            return await self._fleet.worker(question)
        except HubError as error:
            return refused(error)
        except OSError as error:
            log.fault("model not started", error)
            return refused(Failure("Something went wrong while the model was started; it has been logged"))
