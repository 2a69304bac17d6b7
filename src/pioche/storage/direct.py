"""Large files past the page cache: their bytes go from our memory to the disk or come from it, and push nothing out of the
cache.

What is uploaded is rarely read at once and need not be kept in memory for it; a page of the cache that has to be found, and
in a virtual machine fetched from its host, costs several times the copy into it; and what has reached the disk needs no
long sync at the end. Whether it is durable only a sync says, as ever. The same holds for what is read once, to be hashed.
"""

import errno
import fcntl
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

BYTES_MIN = 4 * 2**20
"""Smaller files stay in the cache: somebody will read them soon, and waiting for the disk would be most of the work."""

ALIGNMENT = 4096
"""Where and how long a direct write may be, on the disks there are; one that wants more is written through the cache."""

_BLOCK_BYTES = 2**19
_READ_BYTES = 2**20


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
            _switch(descriptor, is_direct=True)
            self._is_direct = True

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
        self._end_direct()
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
                    self._end_direct()
                    continue
                start += count
                self._position += count
        self._filled = 0

    def _end_direct(self) -> None:
        if self._is_direct:
            _switch(self._descriptor, is_direct=False)
            self._is_direct = False


def read(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    """Bytes [start, end) of an open file that nobody else reads by this descriptor, in pieces of at most 1 MiB; less where
    the file ends. Through the cache where the file system cannot do otherwise. Raises OSError."""
    with suppress(OSError):
        _switch(descriptor, is_direct=True)
    block = mmap.mmap(-1, _READ_BYTES)
    while start < end:
        skipped = start % ALIGNMENT
        count = _fill(descriptor, block, start - skipped)
        if count <= skipped:
            return
        piece = block[skipped : min(count, skipped + end - start)]
        start += len(piece)
        yield piece


def _fill(descriptor: int, block: mmap.mmap, position: int) -> int:
    try:
        return os.preadv(descriptor, [block], position)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        _switch(descriptor, is_direct=False)
        return os.preadv(descriptor, [block], position)


def _switch(descriptor: int, *, is_direct: bool) -> None:
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT if is_direct else flags & ~os.O_DIRECT)
