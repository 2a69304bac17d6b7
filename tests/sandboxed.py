"""Runs programs in a sandbox and tells what came of it, as another user too: `tests/scenarios/test_h_run.py` has the stories.

`Who.attempt` starts this file as a program of its own, which is the hub of the story: as root, or as an ordinary user with a
Python that such a user can reach. It needs the standard library and `pioche.runner` alone.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pioche.runner import sockets, trees, users
from pioche.runner.running import Running
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import Address, Level, Limits, Spec

ROOT = Path(__file__).parents[1]
_ORDINARY = 4242
_PATIENCE_S = 60


@dataclass(frozen=True)
class Attempt:
    """A program for the inside, what it is given, and what the hub does meanwhile."""

    script: str
    level: int
    folder: str
    read_only: dict[str, str] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    writable: str | None = None
    is_scratch_on_disk: bool = False
    sockets: str | None = None
    serves_port: int | None = None
    reaches: list[tuple[str, int]] = field(default_factory=list)
    remote_code: bool = False
    neighbour: str | None = None
    """A program that runs beside it, and serves the same port: its door and its process id are two more arguments."""
    terminate: float | None = None
    """Asks it to end once it has printed a line, with so much grace."""
    connect: list[str] = field(default_factory=list)
    """Names of sockets to try, once it has printed a line."""
    stay: bool = False
    """Leaves it running, and waits to be killed."""


@dataclass(frozen=True)
class Outcome:
    ending: dict[str, Any]
    log: str
    lines: int
    connected: dict[str, str]
    left: list[int]
    """Processes that carry the mark of the attempt after its end, or that were seen to belong to it."""
    seconds: float


@dataclass(frozen=True)
class Who:
    """A user that a hub runs as, and its Python."""

    name: str
    user: int
    python: str

    def attempt(self, attempt: Attempt) -> Outcome:
        done = subprocess.run(
            self.command(), input=json.dumps(attempt.__dict__), capture_output=True, text=True, timeout=120, check=False,
            env=self.environment(), cwd="/",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return Outcome(**json.loads(done.stdout))

    def levels(self, folder: Path) -> list[Level]:
        """Those that this machine has, for this user."""
        done = subprocess.run(
            [*self.command(), str(folder)], capture_output=True, text=True, timeout=120, check=True, env=self.environment(),
            cwd="/",
        )  # fmt: skip
        return [Level(number) for number in json.loads(done.stdout)]

    def command(self) -> list[str]:
        change = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        return [*(change if self.user != os.getuid() else []), self.python, "-W", "error", __file__]

    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": os.environ["PATH"], "SECRET_OF_THE_HUB": "s3cret"}


def everybody() -> list[Who]:
    """Who can run a hub here: this user, and an ordinary one where this is root."""
    found = [Who("root" if not os.getuid() else "user", os.getuid(), sys.executable)]
    python = sys.executable if users.is_open(Path(sys.executable)) else _python_of_the_machine()
    if not os.getuid() and python and shutil.which("setpriv") and users.is_open(ROOT / "src" / "pioche"):
        found.append(Who("user", _ORDINARY, python))
    return found


def _python_of_the_machine() -> str | None:
    """For a Python that lies in root's home."""
    found = shutil.which("python3", path="/usr/bin")
    asked = "import sys; print(sys.version_info >= (3, 11))"
    return found if found and subprocess.check_output([found, "-c", asked]).strip() == b"True" else None


# --- the hub of the story ---------------------------------------------------------------------------------------------


def main() -> None:
    if len(sys.argv) > 1:
        found = [level for level in Level if Sandbox(Path(sys.argv[1]), most=level).find_out().level == level]
        print(json.dumps(found))
        return
    attempt = Attempt(**json.load(sys.stdin))
    mark = f"mark-{os.getpid()}-{time.time_ns()}"
    began = time.monotonic()
    sandbox = Sandbox(Path(attempt.folder), most=Level(attempt.level))
    with _neighbour(sandbox, attempt) as more, sandbox.start(_spec(attempt, mark, more)) as running:
        assert running.level == attempt.level
        connected = _meanwhile(attempt, running)
        seen = trees.below(running.keeper)
        ending = running.wait(_PATIENCE_S)
    seconds = time.monotonic() - began
    lines = running.log.lines()
    print(
        json.dumps(
            {
                "ending": ending.__dict__,
                "log": running.log.text,
                "lines": lines[-1].number + 1 if lines else 0,
                "connected": connected,
                "left": sorted({*marked(mark), *(process for process in seen if Path(f"/proc/{process}").exists())}),
                "seconds": seconds,
            }
        )
    )


@contextmanager
def _neighbour(sandbox: Sandbox, attempt: Attempt) -> Iterator[list[str]]:
    if attempt.neighbour is None:
        yield []
        return
    command = (sys.executable, "-c", attempt.neighbour)
    with sandbox.start(Spec(command=command, serves_port=attempt.serves_port, remote_code=True)) as running:
        next(running.log.follow(patience=_PATIENCE_S))
        with sockets.dial(running.door):  # it is there
            yield [str(running.door), str(running.pid)]


def _spec(attempt: Attempt, mark: str, more: list[str]) -> Spec:
    return Spec(
        command=(sys.executable, "-c", attempt.script, mark, *attempt.arguments, *more),
        read_only={Path(outside): Path(inside) for outside, inside in attempt.read_only.items()},
        writable=Path(attempt.writable) if attempt.writable else None,
        is_scratch_on_disk=attempt.is_scratch_on_disk,
        socket_dir=Path(attempt.sockets) if attempt.sockets else None,
        serves_port=attempt.serves_port,
        reaches=tuple(Address(host, port) for host, port in attempt.reaches),
        remote_code=attempt.remote_code,
        limits=Limits(**attempt.limits),
    )


def _meanwhile(attempt: Attempt, running: Running) -> dict[str, str]:
    if attempt.terminate is not None or attempt.connect or attempt.stay:
        next(running.log.follow(patience=_PATIENCE_S))
    connected = {name: _try_socket(running, name) for name in attempt.connect}
    if attempt.terminate is not None:
        running.terminate(attempt.terminate)
    if attempt.stay:
        print(json.dumps([running.keeper, *trees.below(running.keeper)]), flush=True)
        time.sleep(_PATIENCE_S)
    return connected


def _try_socket(running: Running, name: str) -> str:
    try:
        with running.connect(name) as wire:
            return wire.recv(100).decode()
    except OSError as error:
        return type(error).__name__


def marked(mark: str) -> list[int]:
    """The processes whose command names the mark."""
    found = list[int]()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


if __name__ == "__main__":
    main()
