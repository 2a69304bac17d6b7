"""How a child process comes to be, and what it does first.

A child is a fork of the supervisor: the code is loaded once, and most of its memory is shared. A fork takes one thread
along, so the supervisor has one only, and opens neither the database nor a store: that is done `apart`.
"""

import ctypes
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import TypeVar

from pioche.errors import ConfigError, HubError

Found = TypeVar("Found")

_forking = multiprocessing.get_context("fork")

_ARGUMENTS_FIELDS = (48, 49)  # proc(5), /proc/pid/stat: where the words of the command begin and end
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# malloc.h. Bodies pass through in pieces of up to 1 MiB. Were each mapped, or given back as soon as it is free, its pages
# would be had from the kernel anew every time, which costs more than filling them: 0.4 CPU seconds a gigabyte instead of 0.07.
# Left alone, glibc lets every thread keep some of what it frees for itself.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ALLOCATION = ((_M_MMAP_THRESHOLD, 4 * 2**20), (_M_TRIM_THRESHOLD, 4 * 2**20), (_M_ARENA_MAX, 2))

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
"""What the supervisor waits for, and so keeps blocked; its children inherit that and undo it."""


def start(name: str, work: Callable[[], None]) -> ForkProcess:
    """Does `work` in a process that `ps` shows as `pioche.processes NAME SUPERVISOR_PID`."""
    process = _forking.Process(target=_live, args=(name, os.getpid(), work), name=name, daemon=True)
    process.start()
    return process


def apart(name: str, work: Callable[[], Found]) -> Found:
    """What `work` returns, done by a process that leaves nothing behind in this one.

    Raises its ConfigError or HubError; SystemExit when the process ended otherwise, which has told why.
    """
    ours, theirs = _forking.Pipe(duplex=False)
    with ours:
        with theirs:
            process = start(name, partial(_tell, theirs, work))
        try:
            found, error = ours.recv()
        except EOFError:
            process.join()
            raise SystemExit(1) from None
    process.join()
    if error is not None:
        raise error
    done: Found = found
    return done


def _tell(pipe: Connection, work: Callable[[], Found]) -> None:
    try:
        pipe.send((work(), None))
    except (ConfigError, HubError) as error:
        pipe.send((None, error))


def _live(name: str, supervisor: int, work: Callable[[], None]) -> None:
    _begin(supervisor)
    os.setpgid(0, 0)  # Ctrl-C in a terminal is for the supervisor, which lets requests finish
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)  # what the supervisor prints is for scripts to read
    _entitle(f"pioche.processes\0{name}\0{supervisor}".encode())
    work()


def _entitle(title: bytes) -> None:
    """Writes over the words that the supervisor was started with, which is where `ps` looks, as far as there is room."""
    after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = (int(after_name[field - 3]) for field in _ARGUMENTS_FIELDS)
    if start < end:  # else the system does not tell
        ctypes.memmove(start, title[: end - start - 1].ljust(end - start, b"\0"), end - start)


def _begin(supervisor: int) -> None:
    """Ties this process's life to that of process `supervisor`, and takes the file descriptors that may be had.

    A supervisor that is killed cannot end its children: the kernel does it. SIGKILL, so that nothing of an earlier hub
    is still writing when the next one starts: to the data it is a crash, and those are harmless.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if hasattr(libc, "mallopt"):  # not with every C library
        for parameter, value in _ALLOCATION:
            libc.mallopt(parameter, value)
    if os.getppid() != supervisor:  # it died before the kernel knew
        raise SystemExit(1)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def receive_signals() -> None:
    """Call once handlers are in place: a signal that came before them is delivered now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
