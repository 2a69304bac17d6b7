"""The index process: what web processes ask when something is looked for."""

import asyncio
import contextlib
import gc
import signal
from pathlib import Path

import uvloop

from pioche.config import Config
from pioche.db.engine import Database
from pioche.processes import child
from pioche.search.service import Service


def run(config: Config) -> None:
    """Serves until SIGTERM."""
    gc.disable()  # nothing here is in a cycle, and looking for some among millions of rows takes seconds
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config))


async def _serve(config: Config) -> None:
    serving = asyncio.create_task(Service(Database(config), Path(config.search_socket)).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    child.receive_signals()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
