"""Requests gathered in batches: who comes while the engine is busy runs together, and nobody pays for another's request."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from pioche.errors import EngineFailed, Unavailable
from pioche.serving.spec import Ask
from pioche.serving.worker.batcher import Batcher


@dataclass(frozen=True)
class Number:
    value: int
    size: int = 1


@dataclass
class Doubler:
    """An engine that waits for `gate` before each batch, and fails at the number 13."""

    gate: threading.Event = field(default_factory=threading.Event)
    batches: list[list[int]] = field(default_factory=list)

    def prepare(self, ask: Ask) -> Number:
        raise NotImplementedError

    def infer(self, batch: Sequence[Number]) -> list[object]:
        assert self.gate.wait(30)
        self.batches.append([work.value for work in batch])
        if any(work.value == 13 for work in batch):
            raise EngineFailed("thirteen")
        return [2 * work.value for work in batch]

    def close(self) -> None:
        """Nothing to give back."""


async def begun(engine: Doubler, batcher: Batcher, *works: Number) -> list[asyncio.Task[object]]:
    """The first is with the engine, which waits; the others are in the queue."""
    tasks = []
    for work in works:
        tasks.append(asyncio.create_task(batcher.infer(work)))
        await asyncio.sleep(0.01)
    return tasks


def test_what_came_while_the_engine_was_busy_runs_together() -> None:
    async def story() -> None:
        engine = Doubler()
        async with Batcher(engine) as batcher:
            tasks = await begun(engine, batcher, *map(Number, range(5)))
            engine.gate.set()
            assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]
            assert engine.batches == [[0], [1, 2, 3, 4]]
            stats = batcher.stats()
            assert (stats.requests, stats.batches, stats.failures, stats.waiting) == (5, 2, 0, 0)

    asyncio.run(story())


def test_batches_are_as_large_as_agreed_and_a_larger_request_runs_alone() -> None:
    async def story() -> None:
        engine = Doubler()
        async with Batcher(engine, size_max=4) as batcher:
            works = [Number(0), Number(1, 3), Number(2, 2), Number(3, 1), Number(4, 9), Number(5)]
            tasks = await begun(engine, batcher, *works)
            engine.gate.set()
            await asyncio.gather(*tasks)
            assert engine.batches == [[0], [1], [2, 3], [4], [5]]

    asyncio.run(story())


def test_a_request_that_breaks_the_engine_fails_alone() -> None:
    async def story() -> None:
        engine = Doubler()
        async with Batcher(engine) as batcher:
            tasks = await begun(engine, batcher, *map(Number, (0, 11, 12, 13, 14)))
            engine.gate.set()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert [answer for answer in answers if isinstance(answer, int)] == [0, 22, 24, 28]
            assert isinstance(answers[3], EngineFailed)
            assert batcher.stats().failures == 1

    asyncio.run(story())


def test_a_client_that_left_is_taken_out_of_the_queue() -> None:
    async def story() -> None:
        engine = Doubler()
        async with Batcher(engine) as batcher:
            tasks = await begun(engine, batcher, *map(Number, range(3)))
            tasks[1].cancel()
            await asyncio.sleep(0)
            engine.gate.set()
            assert await tasks[2] == 4
            assert engine.batches == [[0], [2]]

    asyncio.run(story())


def test_a_queue_that_is_full_says_so_at_once() -> None:
    async def story() -> None:
        engine = Doubler()
        async with Batcher(engine, waiting_max=2) as batcher:
            tasks = await begun(engine, batcher, *map(Number, range(3)))
            with pytest.raises(Unavailable):
                await batcher.infer(Number(9))
            engine.gate.set()
            assert await asyncio.gather(*tasks) == [0, 2, 4]

    asyncio.run(story())
