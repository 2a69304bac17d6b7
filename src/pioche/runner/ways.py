"""The hub's ends of the ways into and out of a process: what the first program inside is handed for them (`doors.py`)."""

import fcntl
import os
import socket
from collections.abc import Callable
from pathlib import Path

from pioche.runner import exits, sockets
from pioche.runner.spec import Spec

_DOOR = "door"
_DESCRIPTOR_LEAST = 10
"""Above those that have a meaning inside."""


class Ways:
    """Of one run, whose folder is `home`: one door if it serves a port, one exit if it reaches anybody."""

    def __init__(self, spec: Spec, home: Path) -> None:
        """Raises OSError."""
        self.place = home / _DOOR
        self.door: int | None = None
        """Descriptors for the keeper to start with."""
        self.exits: int | None = None
        self._spec = spec
        self._wire: socket.socket | None = None
        self._exit: exits.Exit | None = None
        if spec.serves_port is not None:
            with sockets.listening(home, _DOOR) as door:
                self.door = _copied(door)
        if spec.reaches:
            self._wire, theirs = socket.socketpair()
            with theirs:
                self.exits = _copied(theirs)

    @property
    def handed(self) -> tuple[int, ...]:
        return tuple(number for number in (self.door, self.exits) if number is not None)

    @property
    def traffic_bytes(self) -> int:
        return self._exit.passed if self._exit else 0

    def forget(self) -> None:
        """Closes what is the keeper's by now: what nobody inside holds is to be seen as closed."""
        for number in self.handed:
            os.close(number)

    def open(self, timeout: float, say: Callable[[str], None]) -> None:
        """Once the command runs. Raises OSError."""
        if self._wire is not None:
            with self._wire:
                listeners = exits.receive(self._wire, timeout)
            self._exit = exits.Exit(listeners, self._spec.reaches, self._spec.limits.traffic_bytes, say)

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
        if self._exit is not None:
            self._exit.close()


def _copied(wire: socket.socket) -> int:
    return fcntl.fcntl(wire, fcntl.F_DUPFD_CLOEXEC, _DESCRIPTOR_LEAST)
