"""Reaching a socket in a folder that somebody else writes to.

A process inside may put anything under the name that it was to listen on: a link to a socket of the machine, a folder, a file.
The name is looked at once, no link is followed, and what was looked at is what is connected to.
"""

import os
import select
import socket
import stat
from pathlib import Path

_TIMEOUT_S = 5.0
_QUEUE = 128


def connect(folder: Path, name: str) -> socket.socket:
    """A connection to the socket `name` in `folder`, blocking. Raises OSError: FileNotFoundError where there is none yet,
    ConnectionError where nobody listens."""
    if "/" in name:
        raise ValueError(name)
    place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    finally:
        os.close(place)
    try:
        if not stat.S_ISSOCK(os.fstat(found).st_mode):
            raise ConnectionRefusedError(f"{name} is not a socket")
        return _connected(f"/proc/self/fd/{found}")
    finally:
        os.close(found)


def dial(door: Path, port: int = 0) -> socket.socket:
    """A TCP connection to the port that a process serves in a network of its own (`Spec.serves_port`), or to another one of its
    ports, by its `Running.door`. Blocking. Any process of the hub may. Raises OSError: ConnectionRefusedError while nobody listens
    on that port."""
    try:
        with connect(door.parent, door.name) as wire:
            wire.settimeout(_TIMEOUT_S)
            wire.sendall(f"{port}".encode())
            _, found, _, _ = socket.recv_fds(wire, 1, 1, socket.MSG_CMSG_CLOEXEC)
    except FileNotFoundError:
        raise ConnectionRefusedError("it has ended") from None
    if not found:
        raise ConnectionRefusedError("nobody answers at its door")
    made = socket.socket(fileno=found[0])
    try:
        _await_connection(made)
    except BaseException:
        made.close()
        raise
    return made


def _await_connection(made: socket.socket) -> None:
    waiting = select.poll()
    waiting.register(made, select.POLLOUT)
    if not waiting.poll(_TIMEOUT_S * 1000):
        raise TimeoutError("the process does not accept connections")
    if number := made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(number, os.strerror(number))
    made.setblocking(True)  # noqa: FBT003  (Python takes no name for it)


def listening(folder: Path, name: str) -> socket.socket:
    """A new socket `name` in a folder of ours, listening, for a process that has no way to it but this. Raises OSError."""
    place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    wire = socket.socket(socket.AF_UNIX)
    try:
        wire.bind(f"/proc/self/fd/{place}/{name}")  # the path itself may be too long for a socket
        wire.listen(_QUEUE)
    except BaseException:
        wire.close()
        raise
    finally:
        os.close(place)
    return wire


def _connected(path: str) -> socket.socket:
    wire = socket.socket(socket.AF_UNIX)
    try:
        wire.settimeout(_TIMEOUT_S)  # a full queue is not to hold the hub up
        wire.connect(path)
        wire.settimeout(None)
    except BaseException:
        wire.close()
        raise
    return wire
