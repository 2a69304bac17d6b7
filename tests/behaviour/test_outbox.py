"""Events reach their consumers in order and at least once, whatever the engine and whoever commits late."""

from dataclasses import dataclass, field

import pytest

from pioche.config import Config
from pioche.db import instance
from pioche.db.engine import Database
from pioche.events import Event
from pioche.jobs import outbox
from pioche.jobs.outbox import Dispatcher


@dataclass
class Recorder:
    """Remembers the kinds it was given; raises for those in `refused`."""

    name: str = "recorder"
    refused: set[str] = field(default_factory=set)
    seen: list[str] = field(default_factory=list)

    def handle(self, event: Event) -> None:
        if event.kind in self.refused:
            raise LookupError(event.kind)
        self.seen.append(event.kind)


def happen(database: Database, *kinds: str, at: int = 0) -> None:
    with database.write() as connection:
        for kind in kinds:
            outbox.append(connection, Event(kind, at=at))


def test_events_arrive_in_order_with_what_they_carry(database: Database) -> None:
    received: list[Event] = []

    class Keeper:
        name = "keeper"

        def handle(self, event: Event) -> None:
            received.append(event)

    with database.write() as connection:
        outbox.append(connection, Event("repo.create", 7, 3, {"id": "ada/m"}))
        outbox.append(connection, Event("repo.delete", 7, 3))
    assert Dispatcher(database, [Keeper()]).step() == 2
    assert [event.kind for event in received] == ["repo.create", "repo.delete"]
    assert (received[0].repo_id, received[0].actor_id, received[0].payload) == (7, 3, {"id": "ada/m"})
    assert received[0].at <= instance.now_ms()


def test_a_change_that_is_undone_tells_nobody(database: Database) -> None:
    recorder = Recorder()

    def fail() -> None:
        with database.write() as connection:
            outbox.append(connection, Event("lost"))
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    happen(database, "kept")
    Dispatcher(database, [recorder]).step()
    assert recorder.seen == ["kept"]


def test_what_was_delivered_is_not_delivered_again_after_a_restart(database: Database) -> None:
    first, second = Recorder(), Recorder()
    happen(database, "a", "b")
    Dispatcher(database, [first]).step()
    happen(database, "c")
    Dispatcher(database, [second]).step()
    assert (first.seen, second.seen) == (["a", "b"], ["c"])


def test_a_consumer_that_fails_gets_the_event_again_and_holds_nobody_up(database: Database) -> None:
    weak, strong = Recorder("weak", refused={"b"}), Recorder("strong")
    dispatcher = Dispatcher(database, [weak, strong])
    happen(database, "a", "b", "c")
    dispatcher.step()
    assert (weak.seen, strong.seen) == (["a"], ["a", "b", "c"])
    weak.refused.clear()
    dispatcher.step()
    assert weak.seen == ["a", "b", "c"]


def test_an_event_of_a_transaction_that_commits_late_is_not_skipped(config: Config, database: Database) -> None:
    """PostgreSQL: it has the smaller number, and appears after the larger one was readable."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    late_writer = Database(config)
    recorder = Recorder()
    dispatcher = Dispatcher(database, [recorder])
    with late_writer.write() as connection:
        outbox.append(connection, Event("late"))
        happen(database, "early")
        dispatcher.step()
        assert recorder.seen == []  # nothing is passed while a smaller transaction is open
    dispatcher.step()
    assert recorder.seen == ["late", "early"]
    late_writer.close()


def test_a_position_counts_transactions_before_numbers(config: Config, database: Database) -> None:
    """PostgreSQL: the older transaction writes its event last, so that its number is the largest of three."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    older, newer = Database(config), Database(config)
    recorder = Recorder()
    dispatcher = Dispatcher(database, [recorder])
    with older.write() as first:
        outbox.append(first, Event("older, first"))
        with newer.write() as second:
            outbox.append(second, Event("newer"))
            outbox.append(first, Event("older, last"))
            first.commit()
            dispatcher.step()
            assert recorder.seen == ["older, first", "older, last"]
    dispatcher.step()
    assert recorder.seen == ["older, first", "older, last", "newer"]
    older.close()
    newer.close()


def test_old_events_go_when_all_have_passed_them(database: Database) -> None:
    fast, slow = Recorder("fast"), Recorder("slow", refused={"b"})
    dispatcher = Dispatcher(database, [fast, slow])
    happen(database, "a", "b", at=1000)
    happen(database, "c")
    dispatcher.step()
    assert dispatcher.prune(older_than_ms=60_000) == 1  # `slow` still has to see b
    slow.refused.clear()
    dispatcher.step()
    assert dispatcher.prune(older_than_ms=60_000) == 1
    assert slow.seen == ["a", "b", "c"]


def test_with_no_consumer_old_events_simply_go(database: Database) -> None:
    happen(database, "a", at=1000)
    assert Dispatcher(database, []).prune(older_than_ms=60_000) == 1
