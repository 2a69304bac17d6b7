"""What every child process does first."""

import ctypes
import os
import resource
import signal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_M_MMAP_THRESHOLD = -3  # malloc.h
_MAPPED_BYTES = 2**20

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
"""What the supervisor waits for, and so keeps blocked; its children inherit that and undo it."""


def begin(supervisor: int) -> None:
    """Ties this process's life to that of process `supervisor`, and takes the file descriptors that may be had.

    A supervisor that is killed cannot end its children: the kernel does it. SIGKILL, so that nothing of an earlier hub
    is still writing when the next one starts: to the data it is a crash, and those are harmless.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Left alone, glibc raises this as large pieces are freed, and then every thread keeps some of them for itself.
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
    if os.getppid() != supervisor:  # it died before the kernel knew
        raise SystemExit(1)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def receive_signals() -> None:
    """Call once handlers are in place: a signal that came before them is delivered now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
