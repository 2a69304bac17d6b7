"""How to measure: processor time of a tree of processes, pairs in turn, medians."""

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

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
    """The hub and its reference, measured in turn."""

    name: str
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
    total = 0
    for folder in _tree(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(ticks) for ticks in fields[11:15])
    return total / _TICKS_PER_S


def memory_mib(pid: int) -> float:
    """Of all processes of the tree together, now: their own memory, not the files that they map."""
    total = 0
    for folder in _tree(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            total += int(status["RssAnon"].split()[0]) if "RssAnon" in status else 0
    return total / 1024


def _tree(pid: int) -> Iterator[Path]:
    waiting = [pid]
    while waiting:
        folder = Path("/proc", str(waiting.pop()))
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in (folder / "task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
            yield folder


class Growth:
    """How much more memory than at the start a tree of processes took at any moment of the block."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._start = self._most = 0.0
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._start = self._most = memory_mib(self._pid)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    @property
    def mib(self) -> float:
        return self._most - self._start

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self._most = max(self._most, memory_mib(self._pid))
