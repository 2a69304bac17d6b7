"""Requests of an engine that runs several at once itself: each has a thread, and the rest wait in the order they came."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

from pioche.errors import EngineFailed, Unavailable
from pioche.serving.engines import ParallelEngine, Streamed
from pioche.serving.worker.batcher import Stats

_WAITING_MAX = 512


class _Client:
    """A Listener whose pieces are read in the event loop. `None` is the end."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.pieces = asyncio.Queue[bytes | None]()
        self.has_left = False

    def tell(self, piece: bytes) -> None:
        self._put(piece)

    def end(self, counted: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(counted)
        self._put(None)

    def _put(self, piece: bytes | None) -> None:
        if not self.has_left:
            self._loop.call_soon_threadsafe(self.pieces.put_nowait, piece)


class Lanes:
    """While it is entered, `infer` and `stream` may be called, by any number of tasks of one event loop."""

    def __init__(self, engine: ParallelEngine[Any], waiting_max: int = _WAITING_MAX) -> None:
        self._engine = engine
        self._open_max = waiting_max + engine.lanes
        self._clients = set[_Client]()
        self._threads = ThreadPoolExecutor(engine.lanes, "lane")
        self._stats = Stats()

    async def __aenter__(self) -> "Lanes":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.has_left = True
        self._threads.shutdown(cancel_futures=True)

    async def infer(self, work: Streamed) -> object:
        """The answer. Cancelled, it is stopped. Raises InvalidInput, EngineFailed, Unavailable."""
        client = self._arrive()
        try:
            return await self._run(work, client)
        finally:
            self._leave(client)

    async def stream(self, work: Streamed) -> AsyncGenerator[bytes, None]:
        """The pieces of the answer. Closed, it is stopped. Raises as `infer` does."""
        client = self._arrive()
        try:
            running = asyncio.create_task(self._run(work, client))
            running.add_done_callback(_take_note)  # of what goes wrong when nobody waits any more
            while (piece := await client.pieces.get()) is not None:
                yield piece
            await running
        finally:
            self._leave(client)

    def stats(self) -> Stats:
        self._stats.running = len(self._clients)
        self._stats.waiting = max(0, self._stats.running - self._engine.lanes)
        return self._stats

    def _arrive(self) -> _Client:
        if len(self._clients) >= self._open_max:
            raise Unavailable("Too many requests wait for this model: try again in a moment")
        client = _Client()
        self._clients.add(client)
        self._stats.requests += 1
        return client

    def _leave(self, client: _Client) -> None:
        client.has_left = True
        self._clients.discard(client)

    def _count(self, seconds: float) -> None:
        self._stats.busy_seconds += seconds
        self._stats.batches += 1
        self._stats.batched += 1

    async def _run(self, work: Streamed, client: _Client) -> object:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, work, client)
        except EngineFailed:
            self._stats.failures += 1
            raise

    def _answer(self, work: Streamed, client: _Client) -> object:
        if client.has_left:
            return None
        began = time.perf_counter()
        try:
            return self._engine.answer(work, client)
        finally:
            client.end(lambda: self._count(time.perf_counter() - began))


def _take_note(running: asyncio.Task[object]) -> None:
    if not running.cancelled():
        running.exception()
