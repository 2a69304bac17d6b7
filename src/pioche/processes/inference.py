"""The controller of inference: what web processes ask for workers of models."""

import asyncio
import contextlib
import signal

import uvloop

from pioche import app
from pioche.config import Config
from pioche.processes import child


def run(config: Config) -> None:
    """Serves until SIGTERM, then ends all workers."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config))


async def _serve(config: Config) -> None:
    serving = asyncio.create_task(app.build_controller(config).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    child.receive_signals()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
