"""Starts the processes of the table, restarts each alone and ever later, ends them all on SIGTERM."""

import contextlib
import gc
import hashlib
import http.client
import os
import shutil
import signal
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import FrameType

from pioche.config import Config, keep_figures_in
from pioche.errors import ConfigError
from pioche.observe import log
from pioche.processes import child, listening
from pioche.processes.table import PROCESSES, Process

_RESTART_SECONDS = 0.2
_RESTART_SECONDS_MAX = 10.0
_SETTLED_SECONDS = 30.0
_POLL_SECONDS = 0.05
_IDLE_SECONDS = 1.0
_MEMORY = Path("/dev/shm")  # noqa: S108 - in a folder of this user's own

_ASKED_TO_END = (signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True)
class Child:
    """One place in the table: which process fills it, and when it is filled again."""

    process: Process
    running: ForkProcess | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    failures: int = 0


class Supervisor:
    """`Supervisor(config).run(...)` over a prepared data folder whose lock is held, then `close`.

    Its children are forks of this process: whatever it has imported they need not import again.
    """

    def __init__(self, config: Config) -> None:
        """Takes the port, and a folder for the processes' figures. Raises ConfigError when the port cannot be had."""
        self._port = listening.reserve(config)
        self._other_ports = self._reserved_besides(config)
        self._metrics_dir = _metrics_folder(config.data_dir) / f"{os.getpid()}"
        search_socket = config.search_socket or str(self._metrics_dir / "search.sock")
        inference_socket = config.inference_socket or str(self._metrics_dir / "inference.sock")
        spaces_socket = config.spaces_socket or str(self._metrics_dir / "spaces.sock")
        self.config = replace(
            config,
            port=self._port.getsockname()[1],
            search_socket=search_socket,
            inference_socket=inference_socket if config.serves_models else "",
            spaces_socket=spaces_socket if config.spaces_port else "",
        )
        self._children = [Child(process) for process in PROCESSES for _ in range(process.count(config))]
        self._prepare_metrics()

    @property
    def url(self) -> str:
        """Where this machine's own clients reach the hub."""
        address = listening.address_of(self.config.host)
        local = address in ("0.0.0.0", "::", "127.0.0.1", "::1")  # noqa: S104 - looked for, not bound
        host = "localhost" if local else (f"[{address}]" if ":" in address else self.config.host)
        return f"{'https' if self.config.tls_cert else 'http'}://{host}:{self.config.port}"

    def run(self, ready: Callable[[], None]) -> int:
        """Until SIGTERM or SIGINT; calls `ready` once, when the hub can serve. Returns the exit status.

        A process that gives up before that has found something that no restart mends: it ends the hub, with status 1.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, child.SIGNALS)
        for number in _ASKED_TO_END:
            signal.signal(number, _ignore)  # one that comes when all has ended already
        gc.freeze()  # a collector that looks at what all processes share would write to it, and so copy it
        is_ready = False
        try:
            while True:
                self._start_due()
                pause = _IDLE_SECONDS if is_ready else _POLL_SECONDS
                if _asked(min(pause, self._next_start())) in _ASKED_TO_END:
                    return 0
                if any(status > 0 for status in self._reap()) and not is_ready:
                    return 1
                if not is_ready and self._answers():
                    is_ready = True
                    ready()
        finally:
            self._end()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, child.SIGNALS)

    def close(self) -> None:
        """Gives the port back."""
        self._port.close()
        for port in self._other_ports:
            port.close()
        shutil.rmtree(self._metrics_dir, ignore_errors=True)
        with contextlib.suppress(OSError):  # another node of this machine has its figures there
            self._metrics_dir.parent.rmdir()

    # --- children ---

    def _start_due(self) -> None:
        for place in self._children:
            if place.running is None and place.due_at <= time.monotonic():
                self._start(place)

    def _start(self, place: Child) -> None:
        place.running = child.start(place.process.name, partial(place.process.run, self.config))
        place.started_at = time.monotonic()

    def _reap(self) -> list[int]:
        """Notices who ended and when they are started again; returns their statuses (below 0: killed)."""
        statuses = list[int]()
        for place in self._children:
            if place.running is None or (status := place.running.exitcode) is None:
                continue
            lived = time.monotonic() - place.started_at
            place.failures = 0 if lived > _SETTLED_SECONDS else place.failures + 1
            delay = min(_RESTART_SECONDS * 2**place.failures, _RESTART_SECONDS_MAX)
            place.due_at = time.monotonic() + delay
            log.warning("process ended", process=place.process.name, status=status, restart_s=delay)
            statuses.append(status)
            place.running.close()
            place.running = None
        return statuses

    def _next_start(self) -> float:
        now = time.monotonic()
        return max(0.0, min((p.due_at - now for p in self._children if p.running is None), default=_IDLE_SECONDS))

    def _end(self) -> None:
        """Lets every child finish what it does, as long as drain_seconds allow; a second Ctrl-C cuts that short."""
        alive = [place.running for place in self._children if place.running is not None]
        for running in alive:
            running.terminate()
        deadline = time.monotonic() + self.config.drain_seconds
        while any(running.exitcode is None for running in alive) and time.monotonic() < deadline:
            if _asked(_POLL_SECONDS) == signal.SIGINT:
                break
        for running in alive:
            assert running.pid is not None  # noqa: S101 - it was started
            if running.exitcode is None:
                log.warning("process killed while it drained", process_id=running.pid)
                running.kill()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(running.pid, signal.SIGKILL)  # the git programs it started
            running.join()

    # --- readiness and metrics ---

    def _reserved_besides(self, config: Config) -> list[socket.socket]:
        """Those for SSH, gRPC and Spaces, where they are offered."""
        taken = list[socket.socket]()
        try:
            for key in ("ssh_port", "grpc_port", "spaces_port"):
                if getattr(config, key):
                    taken.append(listening.reserve(config, key))
        except ConfigError:
            for port in (self._port, *taken):
                port.close()
            raise
        return taken

    def _answers(self) -> bool:
        address = listening.address_of(self.config.host)
        address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - looked for, not bound
        connection = self._connection(address)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status != http.client.OK:
                return False
            for port in (self.config.ssh_port, self.config.grpc_port):
                if port:
                    socket.create_connection((address, port), timeout=5).close()
            return True
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _connection(self, address: str) -> http.client.HTTPConnection:
        if not self.config.tls_cert:
            return http.client.HTTPConnection(address, self.config.port, timeout=5)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # it is ourselves, by address
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(address, self.config.port, timeout=5, context=context)

    def _prepare_metrics(self) -> None:
        """A folder of this run: figures count from its start. Those of runs that were killed go."""
        self._metrics_dir.mkdir(parents=True, exist_ok=True)
        keep_figures_in(self._metrics_dir)
        for folder in self._metrics_dir.parent.iterdir():
            if not Path(f"/proc/{folder.name}").exists():
                shutil.rmtree(folder, ignore_errors=True)


def _asked(seconds: float) -> int | None:
    """The next signal within so many seconds."""
    received = signal.sigtimedwait(child.SIGNALS, seconds)
    return None if received is None else received.si_signo


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass


def _metrics_folder(data_dir: Path) -> Path:
    """In memory where that may be had: the figures' files are mapped, and writing to a page that a full disk has no room
    for kills the process."""
    ours = _MEMORY / f"pioche-{os.getuid()}"
    with contextlib.suppress(OSError):
        ours.mkdir(mode=0o700, exist_ok=True)
        if ours.stat().st_uid == os.getuid():
            return ours / hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:16]
    return data_dir / "cache" / "metrics"
