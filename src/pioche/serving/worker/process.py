"""The life of a worker, as a process of its own or as a fork of one that has its libraries loaded."""

import asyncio
import signal
import socket
import sys
from pathlib import Path

import msgspec

from pioche.errors import HubError
from pioche.serving import engines
from pioche.serving.engines import AnyEngine
from pioche.serving.spec import Spec
from pioche.serving.worker import http
from pioche.serving.worker.service import Service

CANNOT_LOAD = 3


def run(folder: str, place: str | socket.socket, spec: str) -> int:
    """Serves until SIGTERM. Returns the exit code."""
    asked = msgspec.json.decode(spec, type=Spec)
    try:
        engine = engines.load(asked, Path(folder))
    except HubError as error:
        print(error.message, file=sys.stderr)
        return CANNOT_LOAD
    asyncio.run(_serve(asked, engine, place))
    return 0


def fork(listener: socket.socket, arguments: list[str]) -> int:
    """As `run`: what a zygote calls (`pioche.runner.spec.Fork`). The arguments: FOLDER SPEC."""
    folder, spec = arguments
    return run(folder, listener, spec)


async def _serve(spec: Spec, engine: AnyEngine, place: str | socket.socket) -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    async with Service(spec, engine) as service, http.listening(place, service.answer):
        await ending.wait()
    engine.close()
