"""The hub's side of a zygote: starting one, and having it fork.

For engines whose libraries take seconds to import, and for models that are data alone (safetensors): forks share what the zygote
has loaded, and, as of one user, they are kept apart by Landlock. What runs code of a repo gets a process of its own instead.
"""

import json
import os
import secrets
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from pioche.errors import SandboxTooWeak, StartFailed
from pioche.runner import landlock, leftovers, plans, sockets, trees
from pioche.runner.running import Running, Watched
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import SOCKETS, Fork, Level, Limits, Spec

_SOCKET = "zygote"
_LOAD_S = 120.0


class Zygote:
    """A process with `modules` loaded. `snapshots` is the folder that holds the snapshots of all its forks; `limits` are for
    the zygote and all of them together. Methods may be called from any thread. Ends with `close`, and all forks with it."""

    def __init__(
        self,
        sandbox: Sandbox,
        snapshots: Path,
        modules: tuple[str, ...],
        limits: Limits,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Returns when the modules are loaded. Raises SandboxTooWeak, StartFailed."""
        if (
            sandbox.demand() < Level.NAMESPACES or not landlock.keeps_signals_in()
        ):  # below, a keeper sees no other process
            raise SandboxTooWeak("Forks need level namespaces, and a Landlock that keeps signals in (Linux 6.12)")
        command = (sys.executable, "-m", "pioche.runner.zygote", str(SOCKETS / _SOCKET), *modules)
        self._lock = threading.Lock()
        with ExitStack() as undone:
            self._folder = undone.enter_context(leftovers.claimed(sandbox.folder / f"zygote-{secrets.token_hex(4)}"))
            sockets_inside = self._folder / "inside"
            sockets_inside.mkdir()
            spec = Spec(
                command=command,
                read_only={snapshots: snapshots},
                socket_dir=sockets_inside,
                environment=environment,
                limits=limits,
            )
            self.running = undone.enter_context(sandbox.start(spec))
            self._wire = undone.enter_context(_ready(self.running))
            self._undone = undone.pop_all()

    def fork(self, fork: Fork) -> "Forked":
        """Starts a worker. Returns when it has locked itself down. Raises StartFailed."""
        name = secrets.token_hex(6)
        scratch = self.running.scratch / name
        with ExitStack() as ours:
            control, theirs = socket.socketpair()
            ours.enter_context(theirs)
            listener = ours.enter_context(sockets.listening(fork.socket.parent, fork.socket.name))
            output, write_end = os.pipe()
            ours.callback(os.close, write_end)
            forked = Forked(self.running, fork.socket, control, output)
            message = json.dumps(asdict(plans.fork(fork, scratch))).encode()
            try:
                with self._lock:
                    socket.send_fds(self._wire, [message], [theirs.fileno(), write_end, listener.fileno()])
                    if not self._wire.recv(1):
                        raise ConnectionError("the zygote has ended")
            except OSError as error:
                forked.close()
                raise StartFailed(str(error)) from None
        try:
            forked.begin()
        except BaseException:
            forked.close()
            raise
        return forked

    def close(self) -> None:
        self._undone.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Forked(Watched):
    """A fork of a zygote: what `Running` is for a process of its own."""

    def __init__(self, parent: Running, place: Path, control: socket.socket, output: int) -> None:
        super().__init__(parent.level, control, output)
        self.parent = parent
        """What it was forked from."""
        self._place = place
        self._keeper = 0

    @property
    def keeper(self) -> int:
        return self._keeper

    def begin(self) -> None:
        """Waits until it runs. Raises StartFailed."""
        started = self._started()
        within = {trees.number_inside(process): process for process in trees.below(self.parent.keeper)}
        self._keeper, self.pid = within.get(started["keeper"], 0), within.get(started["started"], 0)
        self._watch()

    def connect(self, name: str = "") -> socket.socket:
        """A connection to the one socket that it serves on, whatever name is given. Raises OSError."""
        return sockets.connect(self._place.parent, self._place.name)

    def _tidy(self) -> None:
        self._place.unlink(missing_ok=True)


def _ready(running: Running) -> socket.socket:
    """The connection to a zygote, once it has loaded everything. Raises StartFailed."""
    for line in running.log.follow(patience=_LOAD_S):
        if line.text == "ready":
            return running.connect(_SOCKET)
    raise StartFailed(f"The libraries could not be loaded: {(running.log.text.splitlines() or ['no word'])[-1]}")
