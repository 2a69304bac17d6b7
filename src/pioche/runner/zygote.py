"""A process that has loaded its libraries and forks workers on request: what takes seconds to import is imported once.

It runs as a `Spec` command inside a sandbox, sees all snapshots, and touches none. Each fork has a keeper of its own, a fork as
well, and locks itself down to its snapshot before it does anything: Landlock, the filter of system calls, limits. The hub reaches
a fork by a socket that it listens on for it; in the sandbox there is no path by which forks could reach each other, or ask the
zygote for more. `zygotes.py` is the hub's side.
"""

import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any, NoReturn

from pioche.runner import inside, lockdown, system, trees
from pioche.runner.keeper import Job, Keeper

_REQUEST_BYTES_MAX = 256 * 1024
_DESCRIPTORS = 3  # the fork's control socket, its log, the socket that it serves on
_BURY_S = 1.0


def main() -> None:
    """Arguments: where to listen for the hub, once, and the modules to load."""
    path, *modules = sys.argv[1:]
    for module in modules:
        importlib.import_module(module)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        print("ready", flush=True)
        hub, _ = listener.accept()
        os.unlink(path)  # nobody else comes in
    while True:
        trees.bury()
        if select.select([hub], [], [], _BURY_S)[0]:
            _serve(hub)


def _serve(hub: socket.socket) -> None:
    message, descriptors, _, _ = socket.recv_fds(hub, _REQUEST_BYTES_MAX, _DESCRIPTORS)
    if not message:
        raise SystemExit  # the hub is gone
    if not os.fork():
        hub.close()
        _keep(json.loads(message), descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    hub.sendall(b"\n")


def _keep(job: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """The life of a fork's keeper."""
    control, log, serving = descriptors
    try:
        system.prctl(system.PR_SET_CHILD_SUBREAPER, 1)
        system.prctl(system.PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        for place in (1, 2):
            os.dup2(log, place)
        os.close(log)
        with socket.socket(fileno=control) as hub, socket.socket(fileno=serving) as listener:
            _Fork(hub, Job(**job), listener).keep()
    finally:
        os._exit(0)


class _Fork(Keeper):
    """Has for its child a fork of this very process."""

    def __init__(self, hub: socket.socket, job: Job, listener: socket.socket) -> None:
        super().__init__(hub, job)
        self._listener = listener

    def become(self, wire: socket.socket) -> None:
        with wire.makefile("rb") as lines:
            orders = lockdown.Orders(**json.loads(lines.readline()))
        if self.job.scratch is not None:
            os.makedirs(self.job.scratch, mode=0o700, exist_ok=True)
        os.chdir(orders.folder)
        self._hub.close()
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python has it from its start: who left is an error, no end
        lockdown.lock(orders)
        os.environ.clear()  # noqa: TID251  (a fork's own)
        os.environ.update(orders.environment)  # noqa: TID251
        wire.sendall(inside.LOCKED.encode())
        wire.close()
        self._run(orders.command)

    def _run(self, command: tuple[str, ...]) -> NoReturn:
        """Calls the function that is named first; what it returns is the exit code, as with `sys.exit`."""
        code = 1
        try:
            module, _, name = command[0].partition(":")
            code = getattr(importlib.import_module(module), name)(self._listener, list(command[1:])) or 0
        finally:
            if sys.exc_info()[1] is not None:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


if __name__ == "__main__":
    main()
