"""The index process: what web processes ask when something is looked for."""

import asyncio
import contextlib
import gc
import signal
import sys
from pathlib import Path

import uvloop

from pioche.config import Config
from pioche.db.engine import Database
from pioche.git.store import GitStore
from pioche.processes import child
from pioche.search.reading import Reader
from pioche.search.service import Service
from pioche.serving import offers

_SWITCH_SECONDS = 0.0005
"""After so long the thread that reads cards lets the one that answers have its turn; Python's own is ten times longer."""


def run(config: Config) -> None:
    """Serves until SIGTERM."""
    gc.disable()  # nothing here is in a cycle, and looking for some among millions of rows takes seconds
    sys.setswitchinterval(_SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config))


async def _serve(config: Config) -> None:
    database = Database(config)
    reader = Reader(database, GitStore(config.data_dir / "git"), config.data_dir / "cache")
    service = Service(database, Path(config.search_socket), reader, offers.of(config))
    serving = asyncio.create_task(service.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    child.receive_signals()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
