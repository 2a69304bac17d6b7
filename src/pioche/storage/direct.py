"""Writing large files past the page cache: their bytes go from our memory to the disk, and push nothing out of the cache.

What is uploaded is rarely read at once and need not be kept in memory for it; a page of the cache that has to be found, and
in a virtual machine fetched from its host, costs several times the copy into it; and what has reached the disk needs no
long sync at the end. Whether it is durable only a sync says, as ever.
"""

import errno
import fcntl
import mmap
import os
from collections.abc import Sequence
from contextlib import suppress

BYTES_MIN = 4 * 2**20
"""Smaller files stay in the cache: somebody will read them soon, and waiting for the disk would be most of the work."""

ALIGNMENT = 4096
"""Where and how long a direct write may be, on the disks there are; one that wants more is written through the cache."""

_BLOCK_BYTES = 2**19


class DirectWriter:
    """Writes to an open file from `position` on, a multiple of ALIGNMENT; through the cache where the file system cannot
    do otherwise. Not safe for two threads at once. Methods raise OSError."""

    def __init__(self, descriptor: int, position: int = 0) -> None:
        """The descriptor stays the caller's. What is written lies in memory until a block is full: `flush` at the end."""
        self._descriptor = descriptor
        self._position = position
        self._block = mmap.mmap(-1, _BLOCK_BYTES)  # the kernel wants aligned memory, which bytearray is not
        self._filled = 0
        self._is_direct = False
        with suppress(OSError):
            self._switch(is_direct=True)

    def write(self, pieces: Sequence[bytes | memoryview]) -> None:
        for piece in pieces:
            view = memoryview(piece)
            while view:
                taken = view[: _BLOCK_BYTES - self._filled]
                end = self._filled + len(taken)
                self._block[self._filled : end] = taken
                self._filled, view = end, view[len(taken) :]
                if end == _BLOCK_BYTES:
                    self._put()

    def flush(self) -> None:
        """What is left, less than a block: through the cache, since its length need not suit the disk. The last call."""
        if self._is_direct:
            self._switch(is_direct=False)
        self._put()

    def _put(self) -> None:
        start = 0
        with memoryview(self._block) as block:
            while start < self._filled:
                try:
                    count = os.pwrite(self._descriptor, block[start : self._filled], self._position)
                except OSError as error:
                    if error.errno != errno.EINVAL or not self._is_direct:
                        raise
                    self._switch(is_direct=False)
                    continue
                start += count
                self._position += count
        self._filled = 0

    def _switch(self, *, is_direct: bool) -> None:
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
        fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags | os.O_DIRECT if is_direct else flags & ~os.O_DIRECT)
        self._is_direct = is_direct
