"""What the minutes of an endpoint are drawn from: a line for each deployment."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pioche.i18n.texts import gettext as _
from pioche.serving.endpoints.endpoint import Endpoint
from pioche.serving.endpoints.history import MINUTE_MS, Minute

SHOWN_MINUTES = 60
WIDTH, HEIGHT = 600, 100
_TOP = 6


@dataclass(frozen=True, slots=True)
class Line:
    """`points` as SVG writes them, a list for each stretch without a gap; `values` are (Unix milliseconds, value)."""

    name: str
    points: list[str]
    values: list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Plot:
    """`most` is the value at the top."""

    title: str
    unit: str
    most: float
    lines: list[Line]


def of(endpoint: Endpoint, minutes: Mapping[int, Sequence[Minute]]) -> list[Plot]:
    """Latency, requests, errors and memory, the last hour of them."""
    measures: list[tuple[str, str, float, Callable[[Minute], float | None]]] = [
        (_("Latency, 95th percentile"), "ms", 10, lambda minute: minute.tally.quantile(0.95)),
        (_("Requests a minute"), "", 10, lambda minute: float(minute.tally.requests)),
        (_("Failed requests"), "%", 5, lambda minute: 100 * minute.tally.error_rate),
        (_("Memory"), "MiB", 64, lambda minute: minute.memory_bytes / 2**20),
    ]
    return [_plot(title, unit, least, measure, endpoint, minutes) for title, unit, least, measure in measures]


def _plot(
    title: str,
    unit: str,
    least: float,
    measure: Callable[[Minute], float | None],
    endpoint: Endpoint,
    minutes: Mapping[int, Sequence[Minute]],
) -> Plot:
    first = (int(time.time() * 1000) // MINUTE_MS - SHOWN_MINUTES + 1) * MINUTE_MS
    found = {
        one.name: [(minute.at, value) for minute in minutes[one.id] if (value := measure(minute)) is not None]
        for one in endpoint.deployments
    }
    most = max([least, *(value for values in found.values() for _at, value in values)])
    lines = [Line(name, _points(values, first, most), values) for name, values in found.items()]
    return Plot(title, unit, most, lines)


def _points(values: Sequence[tuple[int, float]], first: int, most: float) -> list[str]:
    stretches, last = list[list[str]](), 0
    for at, value in values:
        x = (at - first) / MINUTE_MS / (SHOWN_MINUTES - 1) * WIDTH
        y = HEIGHT - value / most * (HEIGHT - _TOP)
        if at - last > MINUTE_MS:
            stretches.append([])
        stretches[-1].append(f"{x:.1f},{y:.1f}")
        last = at
    return [" ".join(points) for points in stretches]
