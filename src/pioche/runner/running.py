"""A process that was started: its log, what it takes, and its end."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pioche.errors import StartFailed
from pioche.runner import inside, sockets, trees
from pioche.runner.keeper import Job
from pioche.runner.logs import Log
from pioche.runner.mounts import PACKAGE
from pioche.runner.spec import Ending, Level

_START_S = 40.0
_CLOSE_S = 10.0


class Running:
    """Made by `Sandbox.start`. Ends with this process, with `terminate`, or by itself; leaves nothing behind.

    As a context manager it ends the process at the latest when the block ends.
    """

    def __init__(self, home: Path, level: Level, socket_dir: Path | None = None) -> None:
        self.level = level
        self._socket_dir = socket_dir
        self.pid = 0
        """The process that the command runs in, or bwrap around it, seen from here."""
        self._home = home
        self._is_over = threading.Event()
        self._ending: Ending | None = None
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
            )
        os.close(write_end)
        self._wire = ours
        self._lines = ours.makefile("rb")
        self.log = Log(output)

    @property
    def keeper(self) -> int:
        """The process that watches it."""
        return self._keeper.pid

    def begin(self, job: Job) -> None:
        """Has the keeper start the command. Raises StartFailed."""
        self._wire.settimeout(_START_S)
        self._wire.sendall(json.dumps(asdict(job)).encode() + b"\n")
        try:
            answer = self._receive()
        except TimeoutError:
            answer = {"failed": f"nothing began within {_START_S:.0f} seconds"}
        if "started" not in answer:
            raise StartFailed(_first_words(answer, self.log))
        self.pid = answer["started"]
        self._wire.settimeout(None)
        threading.Thread(target=self._await, name="running", daemon=True).start()

    @property
    def ending(self) -> Ending | None:
        """None while it runs."""
        return self._ending

    def wait(self, timeout: float | None = None) -> Ending:
        """How it ended, once nothing of it is left. Raises TimeoutError."""
        if not self._is_over.wait(timeout) or self._ending is None:
            raise TimeoutError
        return self._ending

    def terminate(self, grace: float = 10.0) -> None:
        """Asks it to end (SIGTERM); what is left after `grace` seconds is killed. Returns at once: see `wait`."""
        try:
            self._wire.sendall(f"terminate {grace:.3f}\n".encode())
        except OSError:  # it has ended
            return

    def connect(self, name: str) -> socket.socket:
        """A connection to the socket that it listens on under this name in its `Spec.socket_dir`. Raises OSError, while it does
        not. Nothing else is to open what lies in that folder: see `sockets`."""
        if self._socket_dir is None:
            raise ValueError("it was given no socket_dir")
        return sockets.connect(self._socket_dir, name)

    def memory(self) -> int:
        """Bytes, of the whole tree; shared ones once."""
        return trees.memory_shared_once(trees.below(self.keeper))

    def cpu_seconds(self) -> float:
        """Of the whole tree, so far."""
        return self._ending.cpu_seconds if self._ending else trees.cpu_seconds(trees.below(self.keeper))

    def close(self) -> None:
        """Ends it now, if it runs."""
        self.terminate(0.0)
        with suppress(OSError):  # it has ended
            self._wire.shutdown(socket.SHUT_WR)
        try:
            self._keeper.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
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

    def _await(self) -> None:
        """Waits for the end, and tidies up after it."""
        ended = self._receive().get("ended")
        self._keeper.wait()
        self._hang_up()
        shutil.rmtree(self._home, ignore_errors=True)
        self._ending = Ending(**ended) if ended else Ending("ended: its keeper was ended")
        self.log.say(f"[{self._ending.reason}]")
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


def _first_words(answer: dict[str, Any], log: Log) -> str:
    """Why it did not start: what the keeper says, and what the wrapper printed."""
    printed = [line.text for line in log.follow(patience=1.0)][-1:]
    return "; ".join([answer.get("failed", "its keeper ended"), *printed])
