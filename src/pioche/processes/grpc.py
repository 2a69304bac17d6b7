"""The process for gRPC: one a node, however many web processes there are.

Not in the web processes: gRPC has threads and a loop of its own, and whatever it costs or breaks is this process's.
"""

import asyncio
import signal

from pioche import app
from pioche.config import Config
from pioche.processes import child, listening


def run(config: Config) -> None:
    """Serves until SIGTERM, then until the calls that run are answered."""
    asyncio.run(_serve(config))


async def _serve(config: Config) -> None:
    server = app.build_grpc(config)
    await server.start(listening.address_of(config.host), config.grpc_port)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    child.receive_signals()
    await ending.wait()
    await server.stop(config.drain_seconds)
