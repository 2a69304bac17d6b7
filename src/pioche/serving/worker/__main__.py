"""`python -m pioche.serving.worker FOLDER SOCKET SPEC`."""

import asyncio
import signal
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


def main(folder: str, socket: str, spec: str) -> int:
    asked = msgspec.json.decode(spec, type=Spec)
    try:
        engine = engines.load(asked, Path(folder))
    except HubError as error:
        print(error.message, file=sys.stderr)
        return CANNOT_LOAD
    asyncio.run(_serve(asked, engine, socket))
    return 0


async def _serve(spec: Spec, engine: AnyEngine, socket: str) -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    async with Service(spec, engine) as service, http.listening(socket, service.answer):
        await ending.wait()
    engine.close()


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
