"""One operation in a hub of its own process, killed (SIGKILL) before its n-th step towards the disk, for every n.

A step is a sync, a rename, a removal, a new folder, or the commit of a transaction that wrote. Between two steps nothing
becomes durable or visible to others, so that all instants at which a kill can make a difference are tried.

`python -m tests.torture.steps` is the process that the others are forked from: it has imported everything.
"""

import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from pioche.config import Config

_ROOT = Path(__file__).parents[2]
_CALLS = ("fsync", "fdatasync", "replace", "rename", "unlink", "rmdir", "mkdir", "link")
_WRITES = ("INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER")
_LENGTH = struct.Struct(">L")


class Act(Protocol):
    """What the doomed process does; it travels to it by pickle."""

    def act(self, config: Config) -> None:
        """Runs the operation on a prepared hub; returns when it is acknowledged."""
        ...


@dataclass(frozen=True)
class Ended:
    """`killed` at its last step, or the operation came to its end. `steps`: names, each with what it was about."""

    killed: bool
    steps: list[str]


# --- in the doomed process --------------------------------------------------------------------------------------------


class _Steps:
    """Counts steps from `arm` on, writes each to a descriptor, kills at the one that was asked for."""

    def __init__(self, kill_at: int | None, log: int, *, statements: bool) -> None:
        self._left = kill_at
        self._log = log
        self._lock = threading.Lock()
        self._dirty: set[int] = set()
        self._statements = statements

    def step(self, name: str) -> None:
        with self._lock:
            os.write(self._log, f"{name}\n".encode())
            if self._left is not None:
                self._left -= 1
                if self._left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

    def arm(self) -> None:
        for name in _CALLS:
            setattr(os, name, self._counted(name, getattr(os, name)))
        commit: Callable[[DefaultDialect, Any], None] = DefaultDialect.do_commit

        def do_commit(dialect: DefaultDialect, connection: Any) -> None:
            wrote = id(connection) in self._dirty
            self._dirty.discard(id(connection))
            if wrote:
                self.step("commit")
            commit(dialect, connection)
            if wrote:
                self.step("committed")

        DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]
        sa.event.listen(sa.Engine, "before_cursor_execute", self._statement)

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.step(f"{name} {_shown(arguments[0])}")
            return call(*arguments, **options)

        return counted

    def _statement(self, connection: sa.Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().upper().startswith(_WRITES):
            self._dirty.add(id(connection.connection))  # SQLAlchemy's wrapper: what do_commit is handed
            self._dirty.add(id(connection.connection.dbapi_connection))
            if self._statements:
                self.step(f"statement {' '.join(statement.split()[:3])}")


def _shown(about: object) -> str:
    """A path, or what a descriptor leads to."""
    return os.readlink(f"/proc/self/fd/{about}") if isinstance(about, int) else os.fspath(about)  # type: ignore[call-overload]


def _die(act: Act, config: Config, kill_at: int | None, log: int, *, statements: bool) -> None:
    steps = _Steps(kill_at, log, statements=statements)
    steps.arm()
    act.act(config)
    os._exit(0)


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Forks a process for each request and says how it ended."""
    import tests.torture.stories  # noqa: F401 - so that every fork has it

    while head := requests.read(_LENGTH.size):
        wanted = pickle.loads(requests.read(_LENGTH.unpack(head)[0]))
        log, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(log)
            try:
                act, config, kill_at, statements = wanted
                _die(act, config, kill_at, writer, statements=statements)
            except BaseException:  # noqa: BLE001 - the parent sees its text and the status
                sys.excepthook(*sys.exc_info())
            os._exit(1)
        os.close(writer)
        with os.fdopen(log) as lines:
            steps = lines.read().splitlines()
        body = pickle.dumps((os.waitpid(pid, 0)[1], steps))
        answers.write(_LENGTH.pack(len(body)) + body)
        answers.flush()


# --- in the test ------------------------------------------------------------------------------------------------------


class Doomed:
    """Where operations are run and killed."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def run(self, act: Act, config: Config, kill_at: int | None, *, statements: bool = False) -> Ended:
        """`kill_at` counts from 1; None lets the operation come to its end. `statements`: they are steps too."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        body = pickle.dumps((act, config, kill_at, statements))
        self._process.stdin.write(_LENGTH.pack(len(body)) + body)
        self._process.stdin.flush()
        (size,) = _LENGTH.unpack(self._process.stdout.read(_LENGTH.size))
        status, steps = pickle.loads(self._process.stdout.read(size))
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed or status == 0, f"the operation failed by itself (status {status}) after {steps}"
        return Ended(killed, steps)


@contextmanager
def doomed() -> Iterator[Doomed]:
    """The process to fork from, for as long as the block lasts."""
    path = os.pathsep.join([str(_ROOT / "src"), str(_ROOT)])
    with subprocess.Popen(
        [sys.executable, "-m", "tests.torture.steps"],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        yield Doomed(process)
        assert process.stdin is not None
        process.stdin.close()


if __name__ == "__main__":
    # Prints of the operations must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.modules["tests.torture.steps"] = sys.modules["__main__"]
    _serve(sys.stdin.buffer, answers)
