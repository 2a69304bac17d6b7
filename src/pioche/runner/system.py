"""Calls of Linux that Python has no names for. The standard library alone."""

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: "int | ctypes.c_void_p" = 0, more: "int | ctypes.c_void_p" = 0) -> None:
    """Raises OSError."""
    call("prctl", _libc.prctl(option, _word(value), _word(more), ctypes.c_ulong(0), ctypes.c_ulong(0)))


def syscall(name: str, number: int, *arguments: "int | ctypes.c_void_p") -> int:
    """Raises OSError, which names the call."""
    return call(name, _libc.syscall(ctypes.c_long(number), *map(_word, arguments)))


def call(name: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def _word(value: "int | ctypes.c_void_p") -> "ctypes.c_ulong | ctypes.c_void_p":
    return ctypes.c_ulong(value) if isinstance(value, int) else value
