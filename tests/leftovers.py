"""Ends what a process of the tests started when that process is gone, however it went: a crash runs no fixture to its end,
and hubs, databases and browsers would stay.

`watch` marks the environment of the process that calls it, from which everything that it starts inherits the mark, and
leaves a watcher behind. Whatever lives without the process goes without the mark: `unmarked()` is the environment for it.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

_MARK = "TEST_STARTED_BY"
_ROUNDS = 20


def watch() -> None:
    """Called once, before anything is started."""
    environment = unmarked()
    os.environ[_MARK] = f"{os.getpid()}-{time.time_ns()}"
    subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(os.getpid()), os.environ[_MARK]],
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what ends the tests must not end it
    ).returncode = 0  # it outlives us: nobody waits for it


def unmarked() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != _MARK}


def _end(mark: str) -> None:
    """Again until there is nothing: what is being started just now may be missed once."""
    for _ in range(_ROUNDS):
        found = _marked(f"{_MARK}={mark}".encode())
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if not found:
            return
        time.sleep(0.1)


def _marked(variable: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if variable in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def _main(process: int, mark: str) -> None:
    with contextlib.suppress(ProcessLookupError):  # gone already
        select.select([os.pidfd_open(process)], [], [])
    _end(mark)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2])
