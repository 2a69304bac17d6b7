"""What repos and their owners may hold, over both databases (`pioche.storage.quotas`)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import QuotaExceeded
from pioche.jobs import holders
from pioche.storage import admission, quotas
from pioche.storage.quotas import Limits, Quotas
from tests.behaviour.rows import add_repo, add_user

MB = 10**6


@pytest.fixture
def ada(database: Database) -> int:
    return add_user(database, "ada")


@pytest.fixture
def model(database: Database, ada: int) -> int:
    return add_repo(database, ada, "ada/model")


@pytest.fixture
def limited(database: Database) -> Quotas:
    return Quotas(database, Limits(user=10 * MB))


def left(limited: Quotas, repo: int, user: int) -> int | None:
    return limited.room(repo, user).left


def rows(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(schema.storage_reservations)).scalar_one())


def hold(database: Database, repo: int, size: int) -> None:
    with database.write() as connection:
        connection.execute(schema.repos.update().where(schema.repos.c.id == repo).values(used_storage=size))


def test_without_a_limit_nothing_is_written(database: Database, ada: int, model: int) -> None:
    unlimited = Quotas(database, Limits())
    with unlimited.reserve(model, ada, {"a": 10**15}) as reserved:
        assert rows(database) == 0
        reserved.keep()
    assert left(unlimited, model, ada) is None


def test_what_broke_off_is_free_again(database: Database, limited: Quotas, ada: int, model: int) -> None:
    with limited.reserve(model, ada, {"a": 4 * MB}):
        assert left(limited, model, ada) == 6 * MB
    assert (left(limited, model, ada), rows(database)) == (10 * MB, 0)


def test_what_came_counts_until_it_is_referred_to(database: Database, limited: Quotas, ada: int, model: int) -> None:
    with limited.reserve(model, ada, {"a": 4 * MB}) as reserved:
        reserved.keep()
    assert left(limited, model, ada) == 6 * MB
    bounds = limited.bounds(model)
    assert bounds is not None
    with database.write() as connection:
        admission.admit(connection, bounds, model, ada, 4 * MB, ["a"])
        connection.execute(schema.repos.update().where(schema.repos.c.id == model).values(used_storage=4 * MB))
    assert (left(limited, model, ada), rows(database)) == (6 * MB, 0)


def test_the_same_file_twice_is_reserved_once(limited: Quotas, ada: int, model: int) -> None:
    with limited.reserve(model, ada, {"a": 6 * MB}) as first, limited.reserve(model, ada, {"a": 6 * MB}) as second:
        second.keep()
        first.keep()
    assert left(limited, model, ada) == 4 * MB


def test_the_refusal_says_what_is_used_and_whom_to_ask(
    database: Database, limited: Quotas, ada: int, model: int
) -> None:
    hold(database, model, 9 * MB)
    with pytest.raises(QuotaExceeded) as refused:
        limited.reserve(model, ada, {"a": 2 * MB})
    assert "ada uses 9.0 MB of 10.0 MB" in refused.value.message
    assert "administrator" in refused.value.message


def test_strangers_learn_no_figures(database: Database, limited: Quotas, ada: int, model: int) -> None:
    hold(database, model, 9 * MB)
    with pytest.raises(QuotaExceeded) as refused:
        limited.reserve(model, add_user(database, "eve"), {"a": 2 * MB})
    assert "The storage of ada is full" in refused.value.message
    assert "9" not in refused.value.message


def test_all_repos_of_an_owner_count_and_deleted_ones_do_not(
    database: Database, limited: Quotas, ada: int, model: int
) -> None:
    other = add_repo(database, ada, "ada/other")
    hold(database, other, 8 * MB)
    limited.reserve(other, ada, {"a": 1 * MB}, seconds=60)
    assert left(limited, model, ada) == 1 * MB
    with database.write() as connection:
        connection.execute(schema.repos.update().where(schema.repos.c.id == other).values(deleted_at=now_ms()))
    assert left(limited, model, ada) == 10 * MB


def test_a_repo_and_an_account_may_have_limits_of_their_own(
    database: Database, limited: Quotas, ada: int, model: int
) -> None:
    with database.write() as connection:
        connection.execute(schema.repos.update().where(schema.repos.c.id == model).values(storage_max=3 * MB))
    with pytest.raises(QuotaExceeded, match=r"ada/model uses 0 bytes of 3\.0 MB"):
        limited.reserve(model, ada, {"a": 4 * MB})
    with database.write() as connection:
        connection.execute(schema.repos.update().where(schema.repos.c.id == model).values(storage_max=0))
        connection.execute(schema.accounts.update().where(schema.accounts.c.id == ada).values(storage_max=20 * MB))
    assert left(limited, model, ada) == 20 * MB


def test_a_process_that_died_holds_nothing(database: Database, limited: Quotas, ada: int, model: int) -> None:
    """Here; elsewhere its reservations run out."""
    with limited.reserve(model, ada, {"a": 9 * MB}) as reserved:
        mine = holders.new().split(" ")
        mine[2] = "4194305"  # past the largest process id there is (proc(5), pid_max)
        table = schema.storage_reservations
        with database.write() as connection:
            connection.execute(table.update().values(holder=" ".join(mine)))
        limited.reserve(model, ada, {"b": 9 * MB}, seconds=60)
        reserved.keep()
    assert left(limited, model, ada) == 1 * MB


def test_reservations_end_with_their_time(database: Database, limited: Quotas, ada: int, model: int) -> None:
    limited.reserve(model, ada, {"a": 9 * MB}, seconds=60)
    with database.write() as connection:
        connection.execute(schema.storage_reservations.update().values(until=now_ms() - 1))
    assert left(limited, model, ada) == 10 * MB
    quotas.sweep(database)
    assert rows(database) == 0


def test_eight_at_once_for_the_last_megabyte(database: Database, limited: Quotas, ada: int, model: int) -> None:
    hold(database, model, 9 * MB)

    def take(number: int) -> bool:
        try:
            limited.reserve(model, ada, {f"file {number}": MB * 3 // 4}, seconds=60)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(take, range(8))) == 1
    assert left(limited, model, ada) == MB // 4


def test_what_may_be_here_already_is_not_refused_beforehand(
    database: Database, limited: Quotas, ada: int, model: int
) -> None:
    hold(database, model, 8 * MB)
    contents, links = schema.contents, schema.repo_contents
    with database.write() as connection:
        held = {"sha256": "0" * 64, "size": 8 * MB, "kind": "blob", "created_at": 0}
        connection.execute(contents.insert().values(held))
        connection.execute(links.insert().values(repo_id=model, sha256="0" * 64, created_at=0))
    limited.expect(model, ada, [8 * MB, 2 * MB])
    with pytest.raises(QuotaExceeded, match=r"This needs 2\.0 MB"):
        limited.expect(model, ada, [8 * MB, 2 * MB + 1])
    limited.reserve(model, ada, {"xorb:part of it": 1 * MB}, seconds=60)
    limited.expect(model, ada, [2 * MB])
