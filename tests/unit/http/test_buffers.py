"""Buffers are flushed from the start of an application to its end, whatever happens to one of them."""

import asyncio
import threading

import pytest

from pioche.errors import Unavailable
from pioche.http import buffers
from pioche.http.buffers import Flusher


class Counted:
    def __init__(self, *, fails: bool = False) -> None:
        self.count = 0
        self.flushed = threading.Event()
        self._fails = fails

    def flush(self) -> None:
        self.count += 1
        self.flushed.set()
        if self._fails:
            raise Unavailable("The database does not answer: try again")


def test_one_that_fails_holds_up_neither_the_others_nor_the_next_time() -> None:
    failing, working = Counted(fails=True), Counted()

    async def flush_twice() -> None:
        flusher = Flusher((failing, working))
        await flusher.flush()
        await flusher.flush()

    asyncio.run(flush_twice())
    assert (failing.count, working.count) == (2, 2)


def test_they_are_flushed_now_and_then_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "SECONDS", 0.001)
    counted = Counted()

    async def live() -> int:
        flusher = Flusher((counted,))
        flusher.start()
        await asyncio.get_running_loop().run_in_executor(None, counted.flushed.wait, 60)
        before = counted.count
        await flusher.stop()
        assert counted.count > before
        ended = counted.count
        await asyncio.sleep(0.01)
        return ended

    assert asyncio.run(live()) == counted.count


def test_an_application_that_never_started_is_flushed_too() -> None:
    counted = Counted()
    asyncio.run(Flusher((counted,)).stop())
    assert counted.count == 1
