"""Counting requests: three buckets, fixed windows, several processes over one database, the public Hub's headers."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pioche.accounts import permits
from pioche.config import Config
from pioche.db import migrate
from pioche.db.engine import Database
from pioche.errors import RateLimited
from pioche.http.limits import Bucket, Left, Limits, Quota

START = 3_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(Config(data_dir=Path(tmp_path_factory.mktemp("limits"))))
    migrate.upgrade(made)
    yield made
    made.close()


@pytest.fixture
def clock(database: Database) -> Clock:
    permits.sweep(database)
    return Clock()


def process(database: Database, clock: Clock, account: int = 100, address: int = 3) -> Limits:
    return Limits(database, dict.fromkeys(Bucket, Quota(account, address)), clock=clock)


def take(limits: Limits, user_id: int = 0, address: str = "192.0.2.1", bucket: Bucket = Bucket.API) -> Left:
    return asyncio.run(limits.take(bucket, user_id, address))


def count(limits: Limits, user_id: int, times: int) -> int:
    done = 0
    for _ in range(times):
        try:
            take(limits, user_id)
        except RateLimited:
            continue
        done += 1
    return done


def test_what_is_left_goes_down_to_nothing_and_the_refusal_says_when_to_go_on(database: Database, clock: Clock) -> None:
    limits = process(database, clock)
    clock.now = START + 260
    assert [take(limits).count for _ in range(3)] == [2, 1, 0]
    with pytest.raises(RateLimited) as refused:
        take(limits)
    assert refused.value.headers == (
        ("RateLimit", '"api";r=0;t=40'),
        ("RateLimit-Policy", '"fixed window";"api";q=3;w=300'),
    )
    assert (refused.value.status, refused.value.seconds) == (429, 40)
    clock.now = START + 300
    assert take(limits).count == 2


def test_accounts_buckets_and_networks_are_counted_apart(database: Database, clock: Clock) -> None:
    limits = process(database, clock)
    for _ in range(3):
        take(limits, address="2001:4860::1")
    with pytest.raises(RateLimited, match="with a token"):
        take(limits, address="2001:4860::2")  # of the same customer
    take(limits, address="2001:4860:1::1")
    take(limits, address="2001:4860::1", bucket=Bucket.PAGES)
    assert take(limits, 7, "2001:4860::1").quota == 100
    take(limits, address="not an address")


def test_processes_share_a_quota_and_together_never_go_past_it(database: Database, clock: Clock) -> None:
    several = [process(database, clock) for _ in range(4)]
    assert sum(count(one, 8, 60) for one in several) == 100
    assert count(several[0], 8, 1) == 0
    assert count(process(database, clock), 8, 1) == 0  # one that was started anew


def test_many_requests_at_once_never_go_past_it(database: Database, clock: Clock) -> None:
    limits = process(database, clock)

    async def all_at_once() -> int:
        answers = await asyncio.gather(*(limits.take(Bucket.API, 9, "") for _ in range(150)), return_exceptions=True)
        return sum(isinstance(answer, Left) for answer in answers)

    assert asyncio.run(all_at_once()) <= 100


def test_counts_of_windows_that_are_over_are_swept(database: Database, clock: Clock) -> None:
    take(process(database, clock), 10)  # long ago, by this clock
    permits.sweep(database)
    assert permits.take(database, "x", 1, 5, 10) == (5, 5)
    assert permits.take(database, "x", 1, 20, 10) == (5, 0)
    permits.sweep(database)
    assert permits.take(database, "x", 1, 5, 10) == (5, 5)
