"""The process for git over SSH: one a node, however many web processes there are."""

import asyncio
import signal

import uvloop

from pioche import app
from pioche.config import Config
from pioche.processes import child, listening


def run(config: Config) -> None:
    """Serves until SIGTERM, then until the commands that run are done."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config))


async def _serve(config: Config) -> None:
    server = app.build_ssh(config)
    await server.start(listening.bound(listening.address_of(config.host), config.ssh_port, shared=True))
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    child.receive_signals()
    await ending.wait()
    await server.stop()
