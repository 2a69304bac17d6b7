"""How many replicas a deployment has (issue 6 item 5)."""

from pioche.serving.endpoints.scaling import Scaler


def after(scaler: Scaler, now: int, loads: dict[range, int], most: int = 4) -> list[int]:
    """How many there are at the end of each stretch of seconds, with so many requests at once."""
    found = list[int]()
    for seconds, load in loads.items():
        for second in seconds:
            now = scaler.replicas(now, load, float(second), load=4.0, least=1, most=most)
        found.append(now)
    return found


def test_more_are_started_once_a_whole_minute_asked_for_them() -> None:
    assert after(Scaler(), 1, {range(60): 8, range(60, 62): 8}) == [1, 2]


def test_a_short_burst_starts_none() -> None:
    assert after(Scaler(), 1, {range(100): 0, range(100, 130): 40, range(130, 200): 0}) == [1, 1, 1]


def test_some_are_ended_once_five_minutes_needed_fewer() -> None:
    assert after(Scaler(), 1, {range(62): 12, range(62, 350): 1, range(350, 400): 1}) == [3, 3, 1]


def test_there_are_never_fewer_nor_more_than_asked_for() -> None:
    assert after(Scaler(), 1, {range(200): 400}) == [4]
    assert Scaler().replicas(0, 0, 0.0, load=4.0, least=2, most=3) == 2
