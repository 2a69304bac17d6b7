"""What a web process counts in memory and writes every ten seconds; its loss is accepted (architecture.md section 4).

One of them reads instead: what pages show without asking the database (`upkeep.announcing`).
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from pioche.errors import Failure
from pioche.http import threads
from pioche.observe import log

SECONDS = 10


class Buffer(Protocol):
    """Such as `accounts.tokens.LastUsed`."""

    def flush(self) -> None:
        """Writes what was counted since the last time. Runs in a worker thread."""
        ...


class Flusher:
    """Flushes buffers from the start of an application to its end. `start` and `stop` belong to one event loop."""

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self._buffers = buffers
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_flushing())

    async def stop(self) -> None:
        """Flushes a last time."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        await self.flush()

    async def flush(self) -> None:
        """A database that does not answer costs these numbers and nothing else."""
        for buffer in self._buffers:
            try:
                await threads.run(buffer.flush)
            except Failure as error:
                log.fault("flush failed", error, buffer=type(buffer).__name__)

    async def _keep_flushing(self) -> None:
        while True:
            await self.flush()
            await asyncio.sleep(SECONDS)
