"""What readers notice of a disk that is slow, or full, while twenty clients try to write (reliability scenarios B5, B1)."""

import hashlib
import itertools
import os
import shutil
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from benchmarks.bench import Bench
from benchmarks.rows import Goal, Row
from tests.disks import Disk, mounted
from tests.hub import Account, Hub
from tests.sender import Sender

WRITERS = 20
SLOW_MS = 200
_SECONDS = 20
_PAUSE_S = 0.02  # between two reads of one reader: it is their patience that is measured, not their rate
_REFUSED_PAUSE_S = 0.5
_SLOWED = "fdatasync,fsync,pwrite64,pwritev,rename"
_READ = ("HEAD", "resolve/main/a.txt"), ("GET", "resolve/main/a.txt"), ("GET", "resolve/main/large.bin")
_LIMITS = "clients, readers and the hub share the machine; a read waits for no writer, so look at the same figure without writers"


def disks(bench: Bench) -> list[Row]:
    """Reads of one repo while others are written: 99 of 100 within a second; what cannot be written is refused."""
    return [*_slow(bench.folder / "slow"), *_full(bench.folder / "full")]


def _slow(folder: Path) -> Iterator[Row]:
    """Every sync, write at a place and rename of the hub's takes `SLOW_MS` more: strace holds the call up."""
    if shutil.which("strace") is None:
        print("no strace: left out how a slow disk is", flush=True)
        return
    folder.mkdir()
    hub = Hub(folder, {"WORKERS": "2"})
    with hub, Sender(hub, hub.user("ada"), "ada/read") as reader:
        _fill(reader)
        yield _row("reads, nobody writes", _read(reader), Counter())
        hub.stop()
        delay = f"inject={_SLOWED}:delay_enter={SLOW_MS}000"
        strace = ("strace", "-D", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", f"trace={_SLOWED}", "-e", delay)
        hub.program = (*strace, *hub.program)
        hub.start()
        answers = Counter[int]()
        with _writing(hub, reader.account, answers):
            waits = _read(reader)
        hub.kill()  # it would close its database at that pace: a page of the log takes one write
        yield _row(f"reads beside {WRITERS} writers, each write {SLOW_MS} ms", waits, answers)


def _full(folder: Path) -> Iterator[Row]:
    """A file system without room, and writers that go on trying."""
    try:
        with ExitStack() as stack:
            disk = stack.enter_context(mounted(folder / "disk", 96))
            hub = Hub(folder, {"WORKERS": "2", "DISK_RESERVE_BYTES": "0"})
            hub.data_dir = disk.path / "data"
            stack.enter_context(hub)
            reader = stack.enter_context(Sender(hub, hub.user("ada"), "ada/read"))
            _fill(reader)
            answers = Counter[int]()
            with _writing(hub, reader.account, answers):
                _take_all(disk)
                answers.clear()
                waits = _read(reader)
            disk.make_room()
            yield _row(f"reads beside {WRITERS} writers, the disk full", waits, answers)
    except pytest.skip.Exception as reason:
        print(f"{reason}: left out how a full disk is", flush=True)


def _take_all(disk: Disk) -> None:
    """The writers are after the same room."""
    while disk.free > 0:
        with suppress(OSError):
            disk.fill(leaving=0)


def _fill(reader: Sender) -> None:
    reader.create().raise_for_status()
    data = os.urandom(200_000)
    reader.lfs(data).raise_for_status()
    large = {"large.bin": (hashlib.sha256(data).hexdigest(), len(data))}
    reader.commit({"a.txt": b"read"}, large=large).raise_for_status()


def _row(name: str, waits: list[float], answers: Counter[int]) -> Row:
    """`waits` in milliseconds."""
    cuts = statistics.quantiles(waits, n=100, method="inclusive")
    told = ", ".join(f"{status}: {count}" for status, count in sorted(answers.items()))
    seen = f"{len(waits)} reads, median {cuts[49]:.0f} ms, longest {max(waits):.0f} ms"
    return Row(name, f"{seen}; writers were told {told}" if told else seen, [Goal(cuts[98], 1000, "ms p99")], _LIMITS)


# --- clients --------------------------------------------------------------------------------------------------------


@contextmanager
def _writing(hub: Hub, account: Account, answers: Counter[int]) -> Iterator[None]:
    """Writers at work while the block lasts; each has a repo of its own. They count what they are told."""
    stop, lock = threading.Event(), threading.Lock()

    def write(number: int) -> None:
        with Sender(hub, account, f"ada/written-{number}") as sender:
            for turn in itertools.count():
                if stop.is_set():
                    return
                status = _one_write(sender, turn)
                with lock:
                    answers[status] += 1
                if status != 200:
                    stop.wait(_REFUSED_PAUSE_S)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(2)
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _one_write(sender: Sender, turn: int) -> int:
    """What it was answered; 0 for none."""
    try:
        if turn == 0:
            return sender.create().status_code
        if turn % 2:
            return sender.lfs(os.urandom(300_000)).status_code
        return sender.commit({f"{turn}.txt": os.urandom(2000)}).status_code
    except httpx.TransportError:
        return 0


def _read(reader: Sender) -> list[float]:
    """How long each read took, in milliseconds; one that is not answered 200 ends the benchmark."""
    waits, end = list[float](), time.monotonic() + _SECONDS
    while time.monotonic() < end:
        for method, path in (*_READ, ("GET", "")):
            url = f"/{reader.repo}/{path}" if path else f"/api/models/{reader.repo}"
            began = time.perf_counter()
            reader.http.request(method, url).raise_for_status()
            waits.append((time.perf_counter() - began) * 1000)
            time.sleep(_PAUSE_S)
    return waits
