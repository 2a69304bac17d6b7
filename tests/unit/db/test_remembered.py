"""Remembered rows: forgotten at any commit, and bounded by the rows, not by the look-ups."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from pioche.db.lookup import Lookup, Row
from pioche.db.remembered import Remembered

LOOKUP = Lookup("SELECT :key, :count")


class Source:
    """As many rows as the look-up asks for; `version` is what a commit elsewhere would change."""

    def __init__(self) -> None:
        self.version, self.asked = 1, 0

    def fetch(self, _lookup: Lookup, params: Mapping[str, Any]) -> list[Row]:
        self.asked += 1
        return [(number, self.version) for number in range(params["count"])]


def test_rows_are_forgotten_when_somebody_commits() -> None:
    source = Source()
    remembered = Remembered(source.fetch, lambda: source.version)

    async def story() -> None:
        assert remembered.fetch(LOOKUP, {"key": "a", "count": 1}) == [(0, 1)]
        assert remembered.fetch(LOOKUP, {"key": "a", "count": 1}) == [(0, 1)]
        assert source.asked == 1
        source.version = 2
        await asyncio.sleep(0)
        assert remembered.fetch(LOOKUP, {"key": "a", "count": 1}) == [(0, 2)]

    asyncio.run(story())


@pytest.mark.parametrize("rows", [0, 1, 40, 200])
def test_memory_is_bounded_by_rows(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr("pioche.db.remembered._ROWS_MAX", 100)
    source = Source()
    remembered = Remembered(source.fetch, lambda: source.version)

    async def story() -> None:
        for key in range(300):
            remembered.fetch(LOOKUP, {"key": key, "count": rows})
            kept = [len(found) for found in remembered._rows.values()]
            assert len(kept) + sum(kept) <= 100 + max(rows, 1)

    asyncio.run(story())
