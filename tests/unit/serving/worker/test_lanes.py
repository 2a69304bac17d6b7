"""Requests of an engine that runs several at once: who waits, who leaves, what goes wrong before a first piece and after."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from pioche.errors import EngineFailed, Unavailable
from pioche.serving.engines import Listener
from pioche.serving.spec import Ask
from pioche.serving.worker.lanes import Lanes


@dataclass
class Said:
    """What is answered: pieces, and then a failure where there is one."""

    pieces: list[bytes]
    failure: str = ""
    streams: bool = True


@dataclass
class Speaker:
    """Runs two at once; while it is held, it answers nobody who has not left."""

    lanes: int = 2
    free: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)
    most: int = 0
    running: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, ask: Ask) -> Said:
        raise NotImplementedError

    def answer(self, work: Said, listener: Listener) -> object:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            while not self.free.wait(0.005):
                if listener.has_left:
                    self.left.set()
                    return None
            for piece in work.pieces:
                listener.tell(piece)
            if work.failure:
                raise EngineFailed(work.failure)
            return b"".join(work.pieces)
        finally:
            with self.lock:
                self.running -= 1

    def close(self) -> None: ...


def story(tell: Callable[[Lanes, Speaker], Awaitable[None]], *, held: bool = False, waiting_max: int = 9) -> Speaker:
    async def run() -> None:
        async with Lanes(speaker, waiting_max) as lanes:
            await tell(lanes, speaker)

    speaker = Speaker()
    if not held:
        speaker.free.set()
    asyncio.run(run())
    return speaker


def test_pieces_come_in_order_and_a_whole_answer_comes_whole() -> None:
    async def tell(lanes: Lanes, _speaker: Speaker) -> None:
        said = Said([b"a", b"b", b"c"])
        assert [piece async for piece in lanes.stream(said)] == said.pieces
        assert await lanes.infer(said) == b"abc"
        await asyncio.sleep(0)
        assert (lanes.stats().requests, lanes.stats().batches) == (2, 2)

    story(tell)


def test_no_more_run_at_once_than_there_are_lanes() -> None:
    async def tell(lanes: Lanes, speaker: Speaker) -> None:
        asking = [asyncio.create_task(lanes.infer(Said([b"x"]))) for _ in range(6)]
        while speaker.running < 2:
            await asyncio.sleep(0.005)
        assert lanes.stats().waiting == 4
        speaker.free.set()
        assert await asyncio.gather(*asking) == [b"x"] * 6

    assert story(tell, held=True).most == 2


def test_too_many_are_turned_away() -> None:
    async def tell(lanes: Lanes, speaker: Speaker) -> None:
        asking = [asyncio.create_task(lanes.infer(Said([]))) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await lanes.infer(Said([]))
        speaker.free.set()
        await asyncio.gather(*asking)

    story(tell, held=True, waiting_max=1)


def test_who_leaves_frees_a_lane() -> None:
    async def tell(lanes: Lanes, speaker: Speaker) -> None:
        asking = asyncio.create_task(lanes.infer(Said([])))
        while not speaker.running:
            await asyncio.sleep(0.005)
        asking.cancel()
        assert await asyncio.to_thread(speaker.left.wait, 30)

    story(tell, held=True)


def test_a_failure_comes_after_the_pieces_before_it() -> None:
    async def tell(lanes: Lanes, _speaker: Speaker) -> None:
        pieces = lanes.stream(Said([b"a"], "broke"))
        assert await anext(pieces) == b"a"
        with pytest.raises(EngineFailed, match="broke"):
            await anext(pieces)
        assert lanes.stats().failures == 1

    story(tell)
