"""What only one process at a time may do (`pioche.jobs.leases`)."""

import threading

import pytest

from pioche.db import schema
from pioche.db.engine import Database
from pioche.jobs import leases
from pioche.jobs.leases import COLLECTION, Busy, Lost


def test_one_holds_it_and_another_is_told_who(database: Database) -> None:
    busy = pytest.raises(Busy, match=r"backup on .* is at work")
    with leases.held(database, COLLECTION, "backup"), busy, leases.held(database, COLLECTION, "gc"):
        raise AssertionError("two at once")
    with leases.held(database, COLLECTION, "gc"):
        pass


def test_c10_of_many_that_want_it_one_at_a_time_has_it(database: Database) -> None:
    inside, most = 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        with leases.held(database, COLLECTION, "gc", wait_seconds=60):
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)


def test_a_lease_whose_process_died_runs_out(database: Database) -> None:
    with database.write() as connection:
        connection.execute(schema.leases.insert().values(name=COLLECTION, holder="dead", what="gc", until=1))
    with leases.held(database, COLLECTION, "backup") as held:
        held.check()


def test_a_lease_is_renewed_while_it_is_held(database: Database) -> None:
    with leases.held(database, COLLECTION, "gc", lease_ms=400) as held:
        threading.Event().wait(1.0)
        held.check()


def test_who_lost_the_lease_is_told(database: Database) -> None:
    with leases.held(database, COLLECTION, "gc", lease_ms=400) as held:
        with database.write() as connection:
            connection.execute(schema.leases.update().values(holder="another"))
        threading.Event().wait(0.5)
        with pytest.raises(Lost):
            held.check()
