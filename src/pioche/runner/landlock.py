"""Landlock: a process gives up every file but those that it names, for good. The standard library alone."""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable

from pioche.runner import system

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ASK_VERSION = 1
_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_DEVICE_NODES = (1 << 6) | (1 << 11)
# What each version of the interface knows of: linux/landlock.h.
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
_FS_BITS_NEWEST = 16
_NETWORK_SINCE, _NETWORK = 4, 3  # TCP: bind, connect
_SCOPES_SINCE, _SCOPES = 6, 3  # abstract Unix sockets, signals


def version() -> int:
    """0 where the kernel has none."""
    try:
        return system.syscall("landlock", _CREATE, ctypes.c_void_p(), 0, _ASK_VERSION)
    except OSError:
        return 0


def keeps_signals_in() -> bool:
    """Whether it also stops signals to processes outside."""
    return version() >= _SCOPES_SINCE


def restrict(read: Iterable[str], write: Iterable[str], devices: Iterable[str] = (), *, network: bool) -> None:
    """From now on this process, and all that it starts, reads and executes what is below `read`, does as it likes below
    `write`, uses `devices`, and nothing else. Paths that are absent are left out. Raises OSError."""
    known = version()
    if not known:
        raise OSError(errno.ENOSYS, "the kernel has no Landlock")
    everything = (1 << _FS_BITS.get(known, _FS_BITS_NEWEST)) - 1
    rules = _ruleset(known, everything, network=network)
    try:
        for path in read:
            _allow(rules, path, _READ)
        for path in write:
            _allow(rules, path, everything & ~_DEVICE_NODES & ~_IOCTL_DEV)
        for path in devices:
            _allow(rules, path, (_READ | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV) & everything)
        system.prctl(system.PR_SET_NO_NEW_PRIVS, 1)
        system.syscall("landlock", _RESTRICT, rules, 0)
    finally:
        os.close(rules)


def _ruleset(known: int, everything: int, *, network: bool) -> int:
    words = [everything]
    if known >= _NETWORK_SINCE:
        words.append(0 if network else _NETWORK)
    if known >= _SCOPES_SINCE:
        words.append(_SCOPES)
    attributes = ctypes.create_string_buffer(struct.pack(f"={len(words)}Q", *words))
    return system.syscall("landlock", _CREATE, _pointer(attributes), 8 * len(words), 0)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_FILES
        beneath = ctypes.create_string_buffer(struct.pack("=Qi", rights, place), 12)
        system.syscall("landlock", _ADD, rules, _BENEATH, _pointer(beneath), 0)
    finally:
        os.close(place)


def _pointer(buffer: "ctypes.Array[ctypes.c_char]") -> ctypes.c_void_p:
    return ctypes.cast(buffer, ctypes.c_void_p)
