"""Latencies in a few numbers."""

import pytest

from pioche.serving.endpoints.tallies import Tally, total


def counted(*milliseconds: float, failures: int = 0) -> Tally:
    tally = Tally()
    for one in milliseconds:
        tally.add(one / 1000, has_failed=False)
    for _ in range(failures):
        tally.add(9.0, has_failed=True)
    return tally


def test_quantiles_are_off_by_less_than_a_third() -> None:
    tally = counted(*range(1, 1001))
    for share in (0.5, 0.9, 0.95, 0.99):
        assert tally.quantile(share) == pytest.approx(share * 1000, rel=0.3)
    assert Tally().quantile(0.5) is None
    assert counted(1e9).quantile(0.95) == pytest.approx(134_000, rel=0.1)


def test_failures_count_and_are_not_fast_or_slow() -> None:
    tally = counted(5, 5, failures=2)
    assert (tally.requests, tally.failures, tally.error_rate) == (4, 2, 0.5)
    assert tally.quantile(1.0) == pytest.approx(5, rel=0.3)


def test_tallies_add_up_and_what_was_before_comes_off() -> None:
    both = total([counted(1, 100, failures=1), counted(50)])
    assert (both.requests, both.failures, sum(both.latencies)) == (4, 1, 3)
    assert both.minus(counted(1, 100, failures=1)) == counted(50)
