"""The process beside each command: it starts it, watches it, and ends all of it. The standard library alone.

It lives outside of the sandbox, has one thread, and is the reaper of all that the command starts, however often that forks.
It ends everything when the hub asks, when a limit is passed, when the command has ended, and when the hub is gone: the socket
that is its standard input then closes, however the hub came to its end. If the keeper itself is killed, the kernel kills the
command (PR_SET_PDEATHSIG, `bwrap --die-with-parent`).
"""

import fcntl
import json
import os
import select
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pioche.runner import disk, groups, inside, system, trees

_WIRE = 3
_WATCH_S = 0.1
_START_S = 30.0
_ASKED = "ended: the hub asked for it"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What `sandbox` asks of a keeper. `{wire}` in `argv` is where the first program inside gets its orders."""

    argv: tuple[str, ...]
    orders: dict[str, Any]
    home: str
    """This run's folder, with the file `lock` that tells others that it lives."""
    wrappers: int
    """How many generations of bwrap stand between the keeper and the command."""
    memory_bytes: int
    processes: int
    scratch: str | None
    """A folder of the disk."""
    scratch_bytes: int
    scratch_files: int
    group: str | None
    """The name for a control group; None: memory is watched."""
    user: int | None
    in_memory: tuple[str, ...] = ()
    """File systems inside that take memory for each file."""
    cores: float | None = None
    handed: tuple[int, ...] = ()
    """Descriptors that the keeper was started with, for the first program inside."""


def main() -> None:
    hub = socket.socket(fileno=0)
    job = Job(**json.loads(_first_line(hub)))
    system.prctl(system.PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # who ends this is the hub, by its socket
    lock = os.open(f"{job.home}/lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    Keeper(hub, job).keep()


class Keeper:
    """Keeps one command, or what `become` is made to be by those who have another kind of child."""

    def __init__(self, hub: socket.socket, job: Job) -> None:
        self._hub, self.job = hub, job
        self._group: groups.Group | None = None
        self._main = 0
        self._kill_at: float | None = None
        self._was_asked = False

    def keep(self) -> None:
        """Starts the command, and returns when nothing of it is left, which the hub is told."""
        _tell(self._hub, **self._keep())

    def become(self, wire: socket.socket) -> None:
        """In the child: does not return. What cannot be done raises OSError."""
        os.dup2(wire.fileno(), _WIRE)
        os.set_inheritable(_WIRE, True)  # noqa: FBT003  (where it had that number before)
        os.execve(self.job.argv[0], self.job.argv, {})  # noqa: S606

    def _keep(self) -> dict[str, Any]:
        try:
            if self.job.group is not None:
                self._group = groups.make(self.job.group, self.job.memory_bytes, self.job.processes, self.job.cores)
            problem = self._start()
            if problem:
                return {"failed": problem}
            _tell(self._hub, started=self._main, keeper=os.getpid())
            return self._ending(*self._watch())
        except OSError as error:
            return {"failed": str(error)}
        finally:
            self._end()

    def _start(self) -> str:
        """Words that say why not; none: the command runs."""
        ours, theirs = socket.socketpair()
        self._main = os.fork()
        if not self._main:
            self._in_child(theirs)
        theirs.close()
        for descriptor in self.job.handed:  # whoever waits at the other end sees when nobody is there any more
            os.close(descriptor)
        with ours:
            ours.sendall(json.dumps(self.job.orders).encode() + b"\n")
            ours.settimeout(_START_S)
            try:
                said = _everything(ours)
            except TimeoutError:
                return f"nothing began within {_START_S:.0f} seconds"
        # Why a wrapper fails, it says on standard error, which is the log.
        return said.strip() if said.startswith(inside.LOCKED) else said or "the first program inside did not begin"

    def _in_child(self, wire: socket.socket) -> None:
        try:
            if self._group is not None:
                self._group.join()
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            system.prctl(system.PR_SET_PDEATHSIG, signal.SIGKILL)
            self.become(wire)
        except OSError as error:
            wire.sendall(str(error.strerror or error).encode())
        finally:
            os._exit(127)

    def _watch(self) -> tuple[int | None, str]:
        """Until the command has ended, by itself or by us: what `waitpid` says, and the reason where it is ours."""
        most = disk.Taken(self.job.scratch_bytes, self.job.scratch_files)
        written = disk.Watch(self.job.scratch, tuple(self.job.in_memory), most)
        while True:
            ended = trees.bury()
            if self._main in ended:
                return ended[self._main], ""
            if not self._heard():
                return None, _ASKED if self._was_asked else "ended: the hub is gone"
            found = trees.below(os.getpid())
            if len(found) > self.job.processes + self.job.wrappers:  # where no limit of the kernel's holds it
                return None, f"killed: started more than {self.job.processes} processes"
            if self._is_over_memory(found):
                return None, "memory"
            if problem := written.problem(found[self.job.wrappers :]):
                return None, problem

    def _heard(self) -> bool:
        """Waits a moment for the hub. False: everything is to end now."""
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            return False
        if not select.select([self._hub], [], [], _WATCH_S)[0]:
            return True
        words = self._hub.recv(4096).decode().split()
        if not words:
            self._was_asked = False
            return False
        self._was_asked = True
        self._kill_at = time.monotonic() + float(words[-1])
        trees.signal_all(self._command(), signal.SIGTERM)
        return True

    def _command(self) -> list[int]:
        """The processes that are not wrappers."""
        wrappers = [self._main]
        for _ in range(self.job.wrappers - 1):
            wrappers += [child for parent in wrappers[-1:] for child in trees.below(parent)[:1]]
        skipped = wrappers if self.job.wrappers else []
        return [process for process in trees.below(os.getpid()) if process not in skipped]

    def _is_over_memory(self, found: list[int]) -> bool:
        if self._group is not None:
            return bool(self._group.kills())
        most = self.job.memory_bytes
        return trees.memory(found) > most and trees.memory_shared_once(found) > most

    def _ending(self, status: int | None, reason: str) -> dict[str, Any]:
        is_over = reason == "memory" or (self._group is not None and self._group.kills() > 0)
        self._end()
        times = os.times()
        used = times.children_user + times.children_system
        if is_over:
            reason = f"killed: used more than {_mib(self.job.memory_bytes)} of memory"
        code, number = _outcome(status, self.job.wrappers)
        if not reason:
            has_obeyed = self._was_asked and number == signal.SIGTERM
            reason = _ASKED if has_obeyed else _words(code, number)
        return {
            "ended": {"reason": reason, "code": code, "signal": number, "is_over_memory": is_over, "cpu_seconds": used}
        }

    def _end(self) -> None:
        if self._main:
            if self.job.wrappers:  # with it the first process of the name space dies, and with that all others
                trees.signal_all([self._main], signal.SIGKILL)
            elif self.job.user is not None:
                _kill_user(self.job.user)
            trees.end(os.getpid())
        if self._group is not None:
            self._group.end()


def _kill_user(user: int) -> None:
    """All processes of a user that is this run's alone: at once, so that none can fork away from it."""
    child = os.fork()
    if not child:
        try:
            os.setresuid(user, user, user)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _outcome(status: int | None, wrappers: int) -> tuple[int | None, int | None]:
    """Exit code and signal. bwrap tells of a signal as shells do, by a code above 128."""
    if status is None:
        return None, None
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return None, -code
    if wrappers and code > 128 and code - 128 in set(signal.Signals):
        return None, code - 128
    return code, None


def _words(code: int | None, number: int | None) -> str:
    if number is not None:
        return f"crashed with signal {number} ({signal.Signals(number).name})"
    return f"ended with code {code}"


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"


def _first_line(wire: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = wire.recv(65536)
        if not piece:
            raise SystemExit(1)
        line += piece
    return line


def _everything(wire: socket.socket) -> str:
    pieces = list[bytes]()
    with suppress(ConnectionResetError):  # nobody read what was sent
        while piece := wire.recv(4096):
            pieces.append(piece)
    return b"".join(pieces).decode(errors="replace")


def _tell(hub: socket.socket, **message: object) -> None:
    try:
        hub.sendall(json.dumps(message).encode() + b"\n")
    except OSError:  # nobody is there to hear it
        return
