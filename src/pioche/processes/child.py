"""What every child process does first."""

import ctypes
import os
import resource
import signal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# malloc.h. Bodies pass through in pieces of up to 1 MiB. Were each mapped, or given back as soon as it is free, its pages
# would be had from the kernel anew every time, which costs more than filling them: 0.4 CPU seconds a gigabyte instead of 0.07.
# Left alone, glibc lets every thread keep some of what it frees for itself.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ALLOCATION = ((_M_MMAP_THRESHOLD, 4 * 2**20), (_M_TRIM_THRESHOLD, 4 * 2**20), (_M_ARENA_MAX, 2))

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
"""What the supervisor waits for, and so keeps blocked; its children inherit that and undo it."""


def begin(supervisor: int) -> None:
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
