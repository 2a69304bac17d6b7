"""Jobs: put in with the change, run at least once, tried again, given up; the lease is what a dead process loses."""

import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.jobs import queue
from pioche.jobs.queue import Lease, Queue
from pioche.jobs.worker import Worker


@dataclass
class Copy:
    """A job that notes what it was asked for, and raises as often as told."""

    kind: str = "copy"
    attempts_max: int = 3
    every_seconds: int | None = None
    failures: int = 0
    done: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def run(self, key: str, payload: dict[str, Any]) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("no luck with hf_abcdefghijklmnop")
        self.done.append((key, payload))


def put_in(database: Database, kind: str, key: str = "", payload: dict[str, Any] | None = None) -> None:
    with database.write() as connection:
        queue.enqueue(connection, kind, key, payload)


def make_due(database: Database) -> None:
    """As if the time of every delay and every lease had passed."""
    with database.write() as connection:
        connection.execute(schema.jobs.update().values(run_at=0, leased_until=0))


def lease(database: Database) -> Lease:
    found = Queue(database).lease(["copy"], lease_ms=60_000)
    assert found is not None
    return found


def test_a_job_runs_once_with_what_it_was_given(database: Database) -> None:
    copy = Copy()
    worker = Worker(database, [copy])
    put_in(database, "copy", "a", {"n": 1})
    assert (worker.step(), worker.step()) == (True, False)
    assert copy.done == [("a", {"n": 1})]
    assert Queue(database).counts() == {}


def test_the_same_work_waits_only_once(database: Database) -> None:
    for _ in range(3):
        put_in(database, "copy", "a")
    put_in(database, "copy", "b")
    assert Queue(database).counts() == {("copy", "waiting"): 2}


def test_work_put_in_while_it_runs_is_run_again(database: Database) -> None:
    put_in(database, "copy", "a")
    running = lease(database)
    put_in(database, "copy", "a")
    assert Queue(database).counts() == {("copy", "running"): 1, ("copy", "waiting"): 1}
    Queue(database).finish(running)
    assert lease(database).id != running.id


def test_a_change_that_is_undone_leaves_no_job(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            queue.enqueue(connection, "copy")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert Queue(database).counts() == {}


def test_a_failing_job_is_tried_again_later_and_then_given_up(database: Database) -> None:
    copy = Copy(failures=9)
    worker = Worker(database, [copy])
    put_in(database, "copy", "a")
    for _ in range(copy.attempts_max):
        assert worker.step() is True
        assert worker.step() is False  # not at once
        make_due(database)
    assert Queue(database).counts() == {("copy", "failed"): 1}
    with database.read() as connection:
        error = connection.execute(sa.select(schema.jobs.c.error)).scalar_one()
    assert "no luck" in error
    assert "abcdefgh" not in error


def test_a_retry_gives_way_to_the_same_work_put_in_meanwhile(database: Database) -> None:
    put_in(database, "copy", "a")
    running = lease(database)
    put_in(database, "copy", "a")
    Queue(database).retry(running, "", delay_ms=60_000)
    assert Queue(database).counts() == {("copy", "waiting"): 1}
    assert lease(database).attempt == 1


def test_a9_the_job_of_a_process_that_died_is_run_by_another(database: Database) -> None:
    put_in(database, "copy", "a")
    lost = lease(database)
    assert Queue(database).lease(["copy"], lease_ms=60_000) is None
    make_due(database)
    taken = lease(database)
    assert (taken.id, taken.attempt) == (lost.id, 2)
    # The first holder comes back: what it says no longer counts.
    assert Queue(database).renew(lost, lease_ms=60_000) is False
    Queue(database).finish(lost)
    assert Queue(database).counts() == {("copy", "running"): 1}
    assert Queue(database).renew(taken, lease_ms=60_000) is True


def test_a_job_that_takes_its_process_down_is_given_up(database: Database) -> None:
    copy = Copy(attempts_max=1)
    put_in(database, "copy", "a")
    lease(database)
    make_due(database)
    assert Worker(database, [copy]).step() is True
    assert copy.done == []
    assert Queue(database).counts() == {("copy", "failed"): 1}


def test_kinds_that_a_worker_does_not_know_are_left_alone(database: Database) -> None:
    put_in(database, "of a later version")
    assert Worker(database, [Copy()]).step() is False


def test_c10_many_threads_run_each_job_once(database: Database) -> None:
    copy = Copy()
    for number in range(20):
        put_in(database, "copy", str(number))
    workers = [Worker(database, [copy]) for _ in range(4)]
    threads = [threading.Thread(target=lambda w=worker: [w.step() for _ in range(20)]) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(key) for key, _ in copy.done) == list(range(20))


def test_a_worker_runs_periodic_jobs_by_itself_and_stops(database: Database) -> None:
    ran = threading.Event()

    class Tick(Copy):
        def run(self, key: str, payload: dict[str, Any]) -> None:
            ran.set()

    worker = Worker(database, [Tick(kind="tick", every_seconds=3600)], threads=1)
    worker.start()
    assert ran.wait(30)
    worker.stop(seconds=30)
    assert not any(thread.is_alive() for thread in (*worker._workers, *worker._helpers))


def test_the_end_does_not_wait_for_a_job_that_may_be_broken_off(database: Database) -> None:
    """Reading a file of gigabytes as slowly as scrub does takes minutes: nobody wants to wait for that when the hub ends."""
    began, goes_on, ended = threading.Event(), threading.Event(), threading.Event()

    class Long(Copy):
        def run(self, key: str, payload: dict[str, Any]) -> None:
            began.set()
            goes_on.wait(120)

    worker = Worker(database, [Long()], threads=2, abandons=("copy",))
    put_in(database, "copy")
    worker.start()
    assert began.wait(30)
    stopping = threading.Thread(target=lambda: (worker.stop(seconds=120), ended.set()))
    stopping.start()
    assert ended.wait(60)
    found = lease(database)  # at once, and as if for the first time
    assert found.attempt == 1
    goes_on.set()
    for thread in worker._workers:
        thread.join(30)
    assert Queue(database).counts() == {("copy", "running"): 1}  # not taken for done by the one that had it before
