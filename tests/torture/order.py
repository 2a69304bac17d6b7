"""In which order the hub's system calls make things durable: read from strace, judged by one rule.

Before an answer is sent: a file's bytes are synced, then it is renamed to its place, then the folder is synced, then the
database's log (`pioche.db-wal`), whose rows name it (invariants I1 and I2).
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CALLS = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,pwrite64,sendto,sendmsg,write,writev"
_LINE = re.compile(r"(?P<pid>\d+) +(?P<rest>.*)")
_STARTED = re.compile(r"(?P<name>\w+)\((?P<arguments>.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<arguments>.*)= (?P<result>-?\d+)")
_WHOLE = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
_DESCRIPTOR = re.compile(r"\d+<(?P<path>[^>]*)>")
_QUOTED = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"')
_WAIT_S = 60


@dataclass(frozen=True)
class Event:
    """`kind`: sync, rename (or link), log (a write to the database's log), answer. `begins` and `ends` are places in the
    trace; `path` is what it is about, and where to for a rename is `target`."""

    kind: str
    begins: int
    ends: int
    path: str
    target: str = ""


class Trace:
    """strace on one process and what it starts."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self._process = process
        self._log = log

    def events(self) -> list[Event]:
        """All so far; waits until the trace has stood still for a moment."""
        size = -1
        while size != (size := self._log.stat().st_size):
            time.sleep(0.3)
        return list(parse(self._log.read_text(errors="replace").splitlines()))


@contextmanager
def traced(pid: int, log: Path) -> Iterator[Trace]:
    """Attaches strace to a process for as long as the block lasts."""
    command = ["strace", "-f", "-y", "-s", "64", "-e", f"trace={_CALLS}", "-o", str(log), "-p", str(pid)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            first = process.stderr.readline()
            assert b"attached" in first, first
            yield Trace(process, log)
        finally:
            process.send_signal(signal.SIGINT)


def parse(lines: list[str]) -> Iterator[Event]:
    """Calls that succeeded. A call that another thread interrupted in the trace has its end further down."""
    open_calls: dict[str, tuple[int, str, str]] = {}
    for place, line in enumerate(lines):
        found = _LINE.match(line)
        if found is None:
            continue
        pid, rest = found["pid"], found["rest"]
        if started := _STARTED.match(rest):
            open_calls[pid] = (place, started["name"], started["arguments"])
        elif resumed := _RESUMED.match(rest):
            begins, name, arguments = open_calls.pop(pid, (place, resumed["name"], ""))
            yield from _event(name, arguments + resumed["arguments"], int(resumed["result"]), begins, place)
        elif whole := _WHOLE.match(rest):
            yield from _event(whole["name"], whole["arguments"], int(whole["result"]), place, place)


def _event(name: str, arguments: str, result: int, begins: int, ends: int) -> Iterator[Event]:
    if result < 0:
        return
    descriptor = _DESCRIPTOR.match(arguments)
    path = descriptor["path"] if descriptor else ""
    if name in ("fsync", "fdatasync"):
        yield Event("sync", begins, ends, path)
    elif name.startswith(("rename", "link")):
        yield Event("rename", begins, ends, *_paths(arguments))
    elif name == "pwrite64" and path.endswith("pioche.db-wal"):
        yield Event("log", begins, ends, path)
    elif '"HTTP/1.1 ' in arguments:
        yield Event("answer", begins, ends, path)


def _paths(arguments: str) -> tuple[str, str]:
    """Both names, whole: relative ones stand beside the folder's descriptor, or below the working directory."""
    names = [match["text"] for match in _QUOTED.finditer(arguments)]
    folders = [match["path"] for match in _DESCRIPTOR.finditer(arguments)] or [""]
    folders += ["AT_FDCWD"] * 2
    whole = [name if name.startswith("/") else os.path.join(folders[0], name) for name in names]
    return whole[0], whole[1]


def judge(events: list[Event], data_dir: Path) -> list[str]:
    """What went wrong, answer by answer; and at the end whether any answer waited for a file and the log at all."""
    wrong = []
    synced: set[str] = set()
    pending: list[Event] = []
    for event in sorted(events, key=lambda event: event.ends):
        if event.kind == "sync":
            synced.add(event.path)
        elif event.kind == "rename" and event.target.startswith(str(data_dir)):
            if event.path in synced:
                synced.add(event.target)
            elif _is_kept(event.target, data_dir):
                wrong.append(f"{event.target} took its place before its bytes were synced")
            if _is_kept(event.target, data_dir):
                pending.append(event)
        elif event.kind == "answer":
            wrong += _before_answer(event, pending, events)
            pending = []
    return wrong


def _is_kept(path: str, data_dir: Path) -> bool:
    return path.startswith(tuple(f"{data_dir}/{part}/" for part in ("git", "blobs", "xet")))


def _before_answer(answer: Event, renames: list[Event], events: list[Event]) -> Iterator[str]:
    """Each folder synced after its rename, the log after all of these, the answer after the log."""
    before = [event for event in events if event.ends < answer.begins]
    last_log = max((event.ends for event in before if event.kind == "log"), default=-1)
    log_syncs = [event.begins for event in before if event.kind == "sync" and event.path.endswith("pioche.db-wal")]
    if last_log >= 0 and max(log_syncs, default=-1) < last_log:
        yield "an answer was sent before the database's log was synced"
    for rename in renames:
        folder = os.path.dirname(rename.target)
        syncs = [e.ends for e in before if e.kind == "sync" and e.path == folder and e.begins > rename.ends]
        if not syncs:
            yield f"an answer was sent before the folder of {rename.target} was synced"
        elif max(log_syncs, default=-1) < min(syncs):
            yield f"the database named {rename.target} before its folder was synced"
