"""Hot look-ups on the event loop: whatever is remembered, the rows are those of now (`pioche.db.remembered`)."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from pioche.config import Config
from pioche.db import schema
from pioche.db.engine import Database, Lookup

_VALUE = Lookup("SELECT value FROM instance WHERE key = :key")
_BOTH = Lookup("SELECT key, value FROM instance WHERE key IN (:first, :second) ORDER BY key")


@pytest.fixture
def elsewhere(config: Config) -> Iterator[Database]:
    """The same database, as another process has it."""
    opened = Database(config)
    yield opened
    opened.close()


def put(database: Database, value: str, key: str = "epoch") -> None:
    table = schema.instance
    with database.write() as connection:
        connection.execute(table.delete().where(table.c.key == key))
        connection.execute(table.insert().values(key=key, value=value))


async def value_of(database: Database, key: str = "epoch") -> str | None:
    row = await database.fetch_one(_VALUE, {"key": key})
    return None if row is None else str(row[0])


def test_a_commit_counts_for_whoever_asks_after_it(database: Database, elsewhere: Database) -> None:
    async def story() -> None:
        assert await value_of(database) == "1"
        for number in range(20):
            for writer in (database, elsewhere):
                wanted = f"{number} {writer is database}"
                await asyncio.to_thread(put, writer, wanted)
                assert await value_of(database) == wanted
                assert await value_of(database) == wanted
        await database.aclose()

    asyncio.run(story())


def test_a_commit_within_the_same_turn_of_the_loop_counts_too(database: Database) -> None:
    async def story() -> None:
        assert await value_of(database) == "1"
        put(database, "2")
        assert await value_of(database) == "2"
        await database.aclose()

    asyncio.run(story())


def test_what_was_absent_may_appear(database: Database, elsewhere: Database) -> None:
    async def story() -> None:
        assert await value_of(database, "new") is None
        await asyncio.to_thread(put, elsewhere, "here", "new")
        assert await value_of(database, "new") == "here"
        await database.aclose()

    asyncio.run(story())


def test_parameters_are_told_apart_by_name_whatever_their_order(database: Database) -> None:
    async def story() -> None:
        put(database, "a", "a")
        put(database, "b", "b")
        one = await database.fetch_all(_BOTH, {"first": "a", "second": "none"})
        other = await database.fetch_all(_BOTH, {"second": "a", "first": "none"})
        both = await database.fetch_all(_BOTH, {"second": "a", "first": "b"})
        assert [tuple(row) for row in one] == [tuple(row) for row in other] == [("a", "a")]
        assert [row[0] for row in both] == ["a", "b"]
        await database.aclose()

    asyncio.run(story())


def test_one_loop_after_another(database: Database, elsewhere: Database) -> None:
    """What one loop left unfinished does not speak for the next one."""
    for number in range(5):

        async def story(wanted: str) -> None:
            assert await value_of(database) == wanted
            if not database.is_sqlite:
                await database.aclose()

        put(elsewhere, str(number))
        asyncio.run(story(str(number)))


def test_a_database_that_is_closed_and_opened_again(database: Database, elsewhere: Database) -> None:
    async def story(wanted: str) -> None:
        assert await value_of(database) == wanted
        await database.aclose()

    asyncio.run(story("1"))
    put(elsewhere, "2")
    asyncio.run(story("2"))


def test_writers_in_threads_and_a_reader_never_disagree(database: Database) -> None:
    """Every value that was acknowledged is seen by the very next question."""
    acknowledged = [0]
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set() and acknowledged[0] < 200:
            put(database, str(acknowledged[0] + 1))
            acknowledged[0] += 1

    async def story() -> None:
        writer = asyncio.create_task(asyncio.to_thread(write))
        try:
            while acknowledged[0] < 50:
                known = acknowledged[0]
                assert int(await value_of(database) or 0) >= known
                await asyncio.sleep(0)
        finally:
            stop.set()
            await writer
            await database.aclose()

    asyncio.run(story())


def test_memory_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pioche.db.remembered._ROWS_MAX", 10)

    async def story() -> None:
        for number in range(100):
            assert await value_of(database, f"none {number}") is None
        assert await value_of(database) == "1"
        await database.aclose()

    asyncio.run(story())
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.instance)).scalar_one() >= 1
