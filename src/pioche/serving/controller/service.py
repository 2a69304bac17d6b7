"""Answers web processes, over a Unix socket."""

import asyncio
import contextlib
from pathlib import Path

import msgspec
from msgspec import structs

from pioche import frames
from pioche.errors import Failure, HubError
from pioche.observe import log
from pioche.serving.controller.deploying import Deployer
from pioche.serving.controller.exports import Exports
from pioche.serving.controller.fleet import Fleet
from pioche.serving.messages import (
    MESSAGE_BYTES_MAX,
    Look,
    Output,
    Question,
    Reply,
    Written,
    framed,
    question_decoder,
    refused,
)

_BACKLOG = 512
_OUTPUT_CHARACTERS_MAX = 500_000


class Service:
    """`run` serves until it is cancelled, and ends all workers then."""

    def __init__(self, fleet: Fleet, deployer: Deployer, exports: Exports, socket: Path) -> None:
        self._fleet = fleet
        self._exports = exports
        self._deployer = deployer
        self._socket = socket

    async def run(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._socket.unlink()
        server = await asyncio.start_unix_server(self._serve, self._socket, backlog=_BACKLOG)
        self._socket.chmod(0o600)
        try:
            async with asyncio.TaskGroup() as looking_after:
                looking_after.create_task(self._fleet.keep())
                looking_after.create_task(self._deployer.keep())
                looking_after.create_task(self._exports.keep(self._fleet))
        finally:
            server.close()
            await self._deployer.close()
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
            return structs.replace(self._fleet.look(question.spec), export=self._exports.state(question.spec))
        if isinstance(question, Output):
            return Written(self._deployer.output(question.deployment, question.replica)[-_OUTPUT_CHARACTERS_MAX:])
        try:
            return await self._fleet.worker(question)
        except HubError as error:
            return refused(error)
        except OSError as error:
            log.fault("model not started", error)
            return refused(Failure("Something went wrong while the model was started; it has been logged"))
