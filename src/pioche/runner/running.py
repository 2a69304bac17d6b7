"""A process that was started: its log, what it takes, and its end."""

import json
import os
import socket
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pioche.errors import StartFailed
from pioche.runner import inside, leftovers, sockets, trees
from pioche.runner.keeper import Job
from pioche.runner.logs import Log
from pioche.runner.mounts import PACKAGE
from pioche.runner.spec import SCRATCH, Ending, Level, Spec
from pioche.runner.ways import Ways

_START_S = 40.0
_CLOSE_S = 10.0


class Watched(ABC):
    """A process that has a keeper, and what the keeper tells. Methods may be called from any thread."""

    def __init__(self, level: Level, wire: socket.socket, output: int) -> None:
        self.level = level
        self.pid = 0
        """The process that the command runs in, or bwrap around it, seen from here."""
        self.log = Log(output)
        self._is_over = threading.Event()
        self._ending: Ending | None = None
        self._wire = wire
        self._lines = wire.makefile("rb")

    @property
    @abstractmethod
    def keeper(self) -> int:
        """The process that watches it."""

    @abstractmethod
    def connect(self, name: str) -> socket.socket:
        """A connection to the socket that it listens on under this name. Raises OSError, while it does not."""

    @abstractmethod
    def _tidy(self) -> None:
        """Removes what the process had, once it has ended."""

    @property
    def ending(self) -> Ending | None:
        """None while it runs."""
        return self._ending

    def wait(self, timeout: float | None = None) -> Ending:
        """How it ended, once nothing of it is left. Raises TimeoutError."""
        if not self._is_over.wait(timeout) or self._ending is None:
            raise TimeoutError
        return self._ending

    def terminate(self, grace: float = 8.0) -> None:
        """Asks it to end (SIGTERM); what is left after `grace` seconds is killed. Returns at once: see `wait`."""
        with suppress(OSError):  # it has ended
            self._wire.sendall(f"terminate {grace:.3f}\n".encode())

    def memory(self) -> int:
        """Bytes, of the whole tree; shared ones once."""
        return trees.memory_shared_once(trees.below(self.keeper))

    def cpu_seconds(self) -> float:
        """Of the whole tree, so far."""
        return self._ending.cpu_seconds if self._ending else trees.cpu_seconds(trees.below(self.keeper))

    def close(self) -> None:
        """Ends it now, if it runs."""
        self.terminate(0.0)
        with suppress(OSError):
            self._wire.shutdown(socket.SHUT_WR)  # the keeper takes this for our end
        if self.pid:
            self._is_over.wait(_CLOSE_S)
        else:
            self._hang_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _started(self) -> dict[str, Any]:
        """What the keeper says when the command runs. Raises StartFailed."""
        self._wire.settimeout(_START_S)
        try:
            answer = self._receive()
        except TimeoutError:
            answer = {"failed": f"nothing began within {_START_S:.0f} seconds"}
        if "started" not in answer:
            raise StartFailed(_first_words(answer, self.log))
        self._wire.settimeout(None)
        return answer

    def _watch(self) -> None:
        threading.Thread(target=self._await, name="running", daemon=True).start()

    def _await(self) -> None:
        ended = self._receive().get("ended")
        self._tidy()
        self._hang_up()
        ending = Ending(**ended) if ended else Ending("ended: its keeper was ended")
        self.log.say(f"[{ending.reason}]")
        self._ending = ending
        self._is_over.set()

    def _hang_up(self) -> None:
        self._lines.close()
        self._wire.close()

    def _receive(self) -> dict[str, Any]:
        """What the keeper says; nothing when it is gone. Raises TimeoutError."""
        try:
            line = self._lines.readline()
        except ConnectionError:
            line = b""
        found: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
        return found


class Running(Watched):
    """Made by `Sandbox.start`. Ends with this process, with `terminate`, or by itself; leaves nothing behind.

    As a context manager it ends the process at the latest when the block ends.
    """

    def __init__(self, home: Path, level: Level, spec: Spec) -> None:
        self._home, self._socket_dir = home, spec.socket_dir
        self.ways = Ways(spec, home)
        ours, theirs = socket.socketpair()
        output, write_end = os.pipe()
        with theirs:
            self._keeper = subprocess.Popen(
                inside.program("keeper", sys.executable, str(PACKAGE.parent)),
                stdin=theirs.fileno(),
                stdout=write_end,
                stderr=write_end,
                env={},
                start_new_session=True,
                pass_fds=self.ways.handed,
            )
        self.ways.forget()
        os.close(write_end)
        super().__init__(level, ours, output)

    @property
    def keeper(self) -> int:
        return self._keeper.pid

    @property
    def scratch(self) -> Path:
        """Its scratch folder as it sees it, where `Spec.writable` was not given."""
        return SCRATCH if self.level >= Level.NAMESPACES else self._home / "scratch"

    @property
    def door(self) -> Path:
        """Where any process of the hub gets connections to `Spec.serves_port`, with `sockets.dial`."""
        return self.ways.place

    @property
    def traffic_bytes(self) -> int:
        """What went to and came from the addresses of `Spec.reaches`."""
        return self.ways.traffic_bytes

    def begin(self, job: Job) -> None:
        """Has the keeper start the command. Raises StartFailed, OSError."""
        self._wire.sendall(json.dumps(asdict(job)).encode() + b"\n")
        self.pid = self._started()["started"]
        self.ways.open(_START_S, self.log.say)
        self._watch()

    def connect(self, name: str) -> socket.socket:
        """In its `Spec.socket_dir`. Nothing else is to open what lies in that folder: see `sockets`."""
        if self._socket_dir is None:
            raise ValueError("it was given no socket_dir")
        return sockets.connect(self._socket_dir, name)

    def close(self) -> None:
        super().close()
        self.ways.close()
        try:
            self._keeper.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()

    def _tidy(self) -> None:
        self._keeper.wait()
        self.ways.close()
        leftovers.remove(self._home)


def _first_words(answer: dict[str, Any], log: Log) -> str:
    """Why it did not start: what the keeper says, and what the wrapper printed."""
    printed = [line.text for line in log.follow(patience=1.0)][-1:]
    return "; ".join([answer.get("failed", "its keeper ended"), *printed])
