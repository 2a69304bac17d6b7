"""However many look at a thread, the database is asked once."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pioche.community import live, reading
from pioche.community.live import Versions
from pioche.repos.access import Repo


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    numbers = list[int]()

    async def version(_repo: Any, number: int) -> int:
        numbers.append(number)
        await asyncio.sleep(0)
        return number * 10

    monkeypatch.setattr(reading, "version", version)
    monkeypatch.setattr(live, "LOOK_SECONDS", 3600.0)  # however slow the machine
    return numbers


def test_a_thousand_readers_ask_once(asked: list[int]) -> None:
    repo = cast("Repo", SimpleNamespace(id=1))

    async def read() -> list[int | None]:
        versions = Versions()
        return await asyncio.gather(*(versions.of(repo, 1 + place % 2) for place in range(1000)))

    told = asyncio.run(read())
    assert told == [10, 20] * 500
    assert asked == [1, 2]


def test_one_who_leaves_takes_nothing_from_the_others(asked: list[int]) -> None:
    repo = cast("Repo", SimpleNamespace(id=1))

    async def read() -> int | None:
        versions = Versions()
        first = asyncio.ensure_future(versions.of(repo, 1))
        await asyncio.sleep(0)
        first.cancel()
        return await versions.of(repo, 1)

    assert asyncio.run(read()) == 10
    assert asked == [1]
