"""Writers that wait for one another share a commit; each one's changes and failures stay its own."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import OutOfSpace, Unavailable
from tests.databases import SqliteTemplate

_WAIT_S = 30
_table = schema.instance
FULL = sqlite3.OperationalError("database or disk is full")
FULL.sqlite_errorcode = sqlite3.SQLITE_FULL


@pytest.fixture
def database(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_template.config(tmp_path / "data"))
    yield database
    database.close()


class Crowd:
    """Writers in threads: the first holds the lock until all the others wait for it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.commits = 0

        @sa.event.listens_for(database.engine, "commit")
        def _count(_connection: sa.Connection) -> None:
            self.commits += 1

    def run(self, *bodies: Callable[[sa.Connection], None]) -> list[Future[None]]:
        """What became of each."""
        inside, go = threading.Event(), threading.Event()

        def first() -> None:
            with self._database.write() as connection:
                inside.set()
                assert go.wait(_WAIT_S)
                bodies[0](connection)

        def other(body: Callable[[sa.Connection], None]) -> None:
            with self._database.write() as connection:
                body(connection)

        with ThreadPoolExecutor(len(bodies)) as pool:
            futures = [pool.submit(first)]
            assert inside.wait(_WAIT_S)
            for count, body in enumerate(bodies[1:], 1):
                futures.append(pool.submit(other, body))
                while self._database._grouped._waiting < count:
                    pass
            go.set()
        return futures

    def keys(self) -> set[str]:
        with self._database.read() as connection:
            return {key for key in connection.execute(sa.select(_table.c.key)).scalars() if key.startswith("test")}


@pytest.fixture
def crowd(database: Database) -> Crowd:
    return Crowd(database)


def add(key: str) -> Callable[[sa.Connection], None]:
    def body(connection: sa.Connection) -> None:
        connection.execute(_table.insert().values(key=f"test-{key}", value=""))

    return body


def fail(key: str) -> Callable[[sa.Connection], None]:
    def body(connection: sa.Connection) -> None:
        add(key)(connection)
        raise LookupError(key)

    return body


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine must not end a group early."""
    monkeypatch.setattr("pioche.db.grouped._SECONDS_MAX", _WAIT_S)


def test_those_who_wait_share_one_commit(crowd: Crowd) -> None:
    futures = crowd.run(*(add(str(number)) for number in range(8)))
    assert [future.result() for future in futures] == [None] * 8
    assert len(crowd.keys()) == 8
    assert crowd.commits <= 2  # the last one may have counted itself out just before


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_who_fails_fails_alone(crowd: Crowd, failing: int) -> None:
    bodies = [fail(str(number)) if number == failing else add(str(number)) for number in range(3)]
    futures = crowd.run(*bodies)
    assert [isinstance(future.exception(), LookupError) for future in futures] == [n == failing for n in range(3)]
    assert crowd.keys() == {f"test-{number}" for number in range(3) if number != failing}


def test_a_name_that_another_member_took_is_refused_to_one(crowd: Crowd) -> None:
    futures = crowd.run(add("same"), add("same"), add("other"))
    assert [type(future.exception()) for future in futures] == [type(None), sa.exc.IntegrityError, type(None)]
    assert crowd.keys() == {"test-same", "test-other"}


def test_when_the_commit_fails_nobody_is_told_of_success(crowd: Crowd, database: Database) -> None:
    def full(_connection: sa.Connection) -> None:
        raise sa.exc.OperationalError("COMMIT", {}, FULL)

    sa.event.listen(database.engine, "commit", full)
    futures = crowd.run(add("1"), add("2"))
    assert [type(future.exception()) for future in futures] == [OutOfSpace] * 2
    sa.event.remove(database.engine, "commit", full)
    assert crowd.keys() == set()
    assert crowd.run(add("3"))[0].exception() is None


def test_when_sqlite_ends_the_transaction_by_itself_all_members_fail(crowd: Crowd) -> None:
    """As it does when the disk fails in the middle."""

    def breaks(connection: sa.Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")
        raise sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("disk I/O error"))

    futures = crowd.run(add("1"), breaks)
    assert [type(future.exception()) for future in futures] == [Unavailable] * 2
    assert crowd.keys() == set()
    assert crowd.run(add("3"))[0].exception() is None
