"""Bytes of a large file, read piece by piece and never more than was agreed: headers lie about their length."""

import struct
from collections.abc import Callable

_WINDOW_BYTES = 64 * 1024
_WINDOW_BYTES_MAX = 4 * 2**20


class Unreadable(ValueError):
    """What a file says of itself is wrong, or more than a header ever needs. The text is for the owner of the repo."""


class Source:
    """A file of `size` bytes, of which `read(start, end)` gives a part. At most `limit` bytes are asked for in all."""

    def __init__(self, size: int, read: Callable[[int, int], bytes], *, limit: int) -> None:
        self.size = size
        self._read = read
        self._left = limit

    def bytes(self, start: int, end: int) -> bytes:
        """[start, end), all of it. Raises Unreadable past the end of the file or the limit."""
        if not 0 <= start <= end <= self.size:
            raise Unreadable("it ends in the middle of its header")
        self._left -= end - start
        if self._left < 0:
            raise Unreadable("its header is longer than any real one")
        found = self._read(start, end)
        if len(found) != end - start:
            raise Unreadable("it is shorter than it was stored")
        return found


class Cursor:
    """Walks through a source, forward only; numbers are little endian unless `big` says otherwise."""

    def __init__(self, source: Source, position: int = 0) -> None:
        self._source = source
        self._start = position
        self._buffer = b""
        self._at = 0
        self._window = _WINDOW_BYTES
        self._order = "<"

    @property
    def position(self) -> int:
        return self._start + self._at

    @property
    def left(self) -> int:
        """Bytes of the file that were not passed yet."""
        return self._source.size - self.position

    def big_endian(self) -> None:
        self._order = ">"

    def take(self, count: int) -> bytes:
        """The next bytes. Raises Unreadable."""
        if count > self.left:
            raise Unreadable("it ends in the middle of its header")
        if self._at + count > len(self._buffer):
            self._fill(count)
        found = self._buffer[self._at : self._at + count]
        self._at += count
        return found

    def _fill(self, count: int) -> None:
        self._start, self._at = self.position, 0
        end = min(self._source.size, self._start + max(count, self._window))
        self._buffer = self._source.bytes(self._start, end)
        self._window = min(self._window * 2, _WINDOW_BYTES_MAX)

    def skip(self, count: int) -> None:
        """Passes bytes that need not be read. Raises Unreadable past the end."""
        if count > self.left:
            raise Unreadable("it ends in the middle of its header")
        if self._at + count <= len(self._buffer):
            self._at += count
            return
        self._start, self._buffer, self._at = self.position + count, b"", 0

    def number(self, code: str) -> int:
        """An integer of `struct` format `code`."""
        found = struct.unpack(self._order + code, self.take(struct.calcsize(self._order + code)))[0]
        return int(found)

    def real(self, code: str) -> float:
        """A floating number of `struct` format `code`."""
        return float(struct.unpack(self._order + code, self.take(struct.calcsize(self._order + code)))[0])
