"""The process for Spaces: builds and runs apps, and lets visitors in."""

import asyncio
import contextlib
import signal

import uvloop

from pioche import app
from pioche.config import Config
from pioche.processes import child, listening


def run(config: Config) -> None:
    """Serves until SIGTERM, then ends all apps."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config))


async def _serve(config: Config) -> None:
    listener = listening.bound(listening.address_of(config.host), config.spaces_port, shared=True)
    serving = asyncio.create_task(app.build_spaces(config).run(listener))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    child.receive_signals()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
