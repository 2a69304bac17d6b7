"""Requests that came while the engine was busy run together, next.

Nobody waits for company: a request that finds the engine idle runs at once. Under load batches grow by themselves, because
more arrives while a larger one runs.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import msgspec

from pioche.errors import EngineFailed, Unavailable
from pioche.serving.engines import Engine, Work

_SIZE_MAX = 32
_WAITING_MAX = 512


class Stats(msgspec.Struct):
    """Since the start. `busy_seconds` is the time that the engine worked."""

    requests: int = 0
    failures: int = 0
    batches: int = 0
    batched: int = 0
    """Requests that were in them."""
    running: int = 0
    """Requests that are being answered, those that wait too."""
    waiting: int = 0
    busy_seconds: float = 0.0


@dataclass(slots=True, eq=False)
class _Waiting:
    work: Work
    answer: asyncio.Future[object]


class Batcher:
    """While it is entered, `infer` may be called, by any number of tasks of one event loop."""

    def __init__(self, engine: Engine[Any], size_max: int = _SIZE_MAX, waiting_max: int = _WAITING_MAX) -> None:
        self._engine = engine
        self._size_max = size_max
        self._waiting_max = waiting_max
        self._queue = deque[_Waiting]()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "engine")
        self._stats = Stats()

    async def __aenter__(self) -> "Batcher":
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.cancel()
        await asyncio.wait((self._running,))
        self._thread.shutdown()

    async def infer(self, work: Work) -> object:
        """The answer. Cancelled, it is taken out of the queue. Raises EngineFailed, Unavailable."""
        if len(self._queue) >= self._waiting_max:
            raise Unavailable("Too many requests wait for this model: try again in a moment")
        waiting = _Waiting(work, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._arrived.set()
        self._stats.requests += 1
        return await waiting.answer

    def stats(self) -> Stats:
        self._stats.waiting = len(self._queue)
        return self._stats

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            batch = self._take()
            if not batch:
                self._arrived.clear()
                continue
            began = time.perf_counter()
            answers = await loop.run_in_executor(self._thread, self._infer, [waiting.work for waiting in batch])
            self._stats.busy_seconds += time.perf_counter() - began
            self._stats.batches += 1
            self._stats.batched += len(batch)
            for waiting, answer in zip(batch, answers, strict=True):
                self._tell(waiting.answer, answer)

    def _take(self) -> list[_Waiting]:
        """As many as fit, in the order they came; at least one. Those whose client left are dropped."""
        batch: list[_Waiting] = []
        size = 0
        while self._queue:
            if batch and size + self._queue[0].work.size > self._size_max:
                break
            waiting = self._queue.popleft()
            if not waiting.answer.done():
                batch.append(waiting)
                size += waiting.work.size
        return batch

    def _infer(self, batch: Sequence[Work]) -> list[object]:
        """One request that makes the engine fail fails alone: the batch is halved until it is found."""
        try:
            return self._engine.infer(batch)
        except EngineFailed as error:
            if len(batch) == 1:
                return [error]
        middle = len(batch) // 2
        return self._infer(batch[:middle]) + self._infer(batch[middle:])

    def _tell(self, future: asyncio.Future[object], answer: object) -> None:
        if isinstance(answer, EngineFailed):
            self._stats.failures += 1
        if future.done():  # the client left meanwhile
            return
        if isinstance(answer, EngineFailed):
            future.set_exception(answer)
        else:
            future.set_result(answer)
