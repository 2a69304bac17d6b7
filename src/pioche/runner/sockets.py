"""Reaching a socket in a folder that somebody else writes to.

A process inside may put anything under the name that it was to listen on: a link to a socket of the machine, a folder, a file.
The name is looked at once, no link is followed, and what was looked at is what is connected to.
"""

import os
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
