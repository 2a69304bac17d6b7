"""Who holds a lease: a random name, and the process it belongs to, so that others can see that it is gone.

A process is known by its id, the moment it started, its namespace of process ids and the boot of its machine. Of one that
runs elsewhere, in another container or on another machine, nothing can be said: its lease has to run out.
"""

import os
import secrets
from pathlib import Path

_PROC = Path("/proc")
_START_FIELD = 22  # proc(5), /proc/pid/stat; counted after the name, which may hold blanks, the state is field 3


def new() -> str:
    """A holder that is this process."""
    return f"{secrets.token_hex(16)} {_world()} {os.getpid()} {_started(os.getpid())}"


def is_gone(holder: str) -> bool:
    """True when its process certainly is no more."""
    parts = holder.split(" ")
    if len(parts) != 4 or not parts[1] or parts[1] != _world() or not parts[2].isdigit():
        return False
    process = int(parts[2])
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it is there, and somebody else's, whose start may be hidden
        return False
    return _started(process) not in ("", parts[3])


def _world() -> str:
    """What process ids here are relative to; empty where the system does not say."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(process: int) -> str:
    try:
        fields = (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return fields[_START_FIELD - 3]
