"""How to measure: processor time of a tree of processes, pairs in turn, medians."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sample:
    """One run: how much was done (bytes or requests), in how long, for how much processor time of the server."""

    amount: float
    wall_s: float
    cpu_s: float
    p99_ms: float | None = None

    @property
    def rate(self) -> float:
        return self.amount / self.wall_s

    @property
    def cpu_each(self) -> float:
        return self.cpu_s / self.amount


@dataclass
class Pair:
    """The hub and its reference, measured in turn. `goal` is the ratio of rates to reach.

    `cpu_each_max` is in seconds of the hub's processor time for a byte or a request, `cpu_ratio_max` in the reference's.
    """

    name: str
    unit: str
    goal: float
    cpu_each_max: float | None = None
    cpu_ratio_max: float | None = None
    p99_ms_max: float | None = None
    hub: list[Sample] = field(default_factory=list)
    reference: list[Sample] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The median of the ratios of neighbouring runs: what slows the machine slows both."""
        return statistics.median(hub.rate / ref.rate for hub, ref in zip(self.hub, self.reference, strict=True))

    @property
    def cpu_each(self) -> float:
        return statistics.median(sample.cpu_each for sample in self.hub)

    @property
    def cpu_limit(self) -> float:
        """What `cpu_each` may be."""
        if self.cpu_each_max is not None:
            return self.cpu_each_max
        return (self.cpu_ratio_max or 1.0) * statistics.median(sample.cpu_each for sample in self.reference)

    @property
    def p99_ms(self) -> float | None:
        waits = [sample.p99_ms for sample in self.hub if sample.p99_ms is not None]
        return statistics.median(waits) if waits else None


def in_turn(pair: Pair, hub: Callable[[], Sample], reference: Callable[[], Sample], rounds: int) -> Pair:
    """Hub, reference, hub, reference ... after one run of each that does not count."""
    hub()
    reference()
    for _ in range(rounds):
        pair.hub.append(hub())
        pair.reference.append(reference())
    return pair


def timed(work: Callable[[], float], pid: int) -> Sample:
    """Runs `work`, which returns how much it did, against the server whose parent process is `pid`."""
    cpu, start = cpu_seconds(pid), time.perf_counter()
    amount = work()
    return Sample(amount, time.perf_counter() - start, cpu_seconds(pid) - cpu)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and all below it, those that ended included."""
    waiting, total = [pid], 0
    while waiting:
        folder = Path("/proc", str(waiting.pop()))
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(ticks) for ticks in fields[11:15])
            for task in (folder / "task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / _TICKS_PER_S


def peak_rss_mib(pid: int) -> float:
    """The largest resident size that any process of the tree has had."""
    waiting, peak = [pid], 0
    while waiting:
        folder = Path("/proc", str(waiting.pop()))
        try:
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            peak = max(peak, int(status["VmHWM"].split()[0]))
            for task in (folder / "task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return peak / 1024
