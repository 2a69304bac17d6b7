"""A stored file as something to seek in, with a budget: parsers of untrusted bytes ask for no more than it allows."""

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from pioche.repos.facts.ranges import Unreadable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["BAD_ZIP", "Span", "Unreadable", "of_bytes"]

_BLOCK = 64 * 1024
_BLOCKS_KEPT = 64

BAD_ZIP = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError)
"""What zipfile says of bytes that are no sound zip; the last one where a member is compressed in a way that it cannot read."""


class Span(io.RawIOBase):
    """Reads in blocks, the latest of which are kept. Past `bytes_max` fetched or `reads_max` calls it raises Unreadable."""

    def __init__(
        self,
        fetch: Callable[[int, int], bytes],
        size: int,
        *,
        bytes_max: int = 8 * 2**20,
        reads_max: int = 50_000,
        block: int = _BLOCK,
    ) -> None:
        super().__init__()
        self.size = size
        self._fetch = fetch
        self._at = 0
        self._blocks = dict[int, bytes]()
        self._bytes_left = bytes_max
        self._reads_left = reads_max
        self._block_bytes = block

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise Unreadable("a place before the beginning of the file")
        self._at = base + offset
        return self._at

    def read(self, count: int = -1, /) -> bytes:
        end = self.size if count < 0 else min(self._at + count, self.size)
        data = self.at(self._at, end)
        self._at += len(data)
        return data

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer)
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def at(self, start: int, end: int) -> bytes:
        """The bytes [start, end), as far as there are any."""
        self._reads_left -= 1
        size = self._block_bytes
        if self._reads_left < 0 or end - start > self._bytes_left + size * _BLOCKS_KEPT:
            raise Unreadable("more to read than a preview may")
        first, last = start // size, (end - 1) // size
        if first == last and first in self._blocks:
            return self._blocks[first][start - first * size : end - first * size]
        data = b"".join(self._block(number) for number in range(first, last + 1)) if end > start else b""
        return data[start - first * size : end - first * size]

    def direct(self, start: int, end: int) -> bytes:
        """As `at`, past the blocks: for whoever keeps what they read. Counts as well."""
        end = min(end, self.size)
        self._reads_left -= 1
        self._bytes_left -= max(end - start, 0)
        if self._reads_left < 0 or self._bytes_left < 0:
            raise Unreadable("more to read than a preview may")
        return self._fetch(start, end) if start < end else b""

    def _block(self, number: int) -> bytes:
        found = self._blocks.get(number)
        if found is None:
            start, end = number * self._block_bytes, min((number + 1) * self._block_bytes, self.size)
            self._bytes_left -= max(end - start, 0)
            if self._bytes_left < 0:
                raise Unreadable("more to read than a preview may")
            found = self._blocks[number] = self._fetch(start, end) if start < end else b""
            if len(self._blocks) > _BLOCKS_KEPT:
                del self._blocks[next(iter(self._blocks))]
        return found


def of_bytes(data: bytes, *, bytes_max: int = 8 * 2**20, reads_max: int = 50_000) -> Span:
    return Span(lambda start, end: data[start:end], len(data), bytes_max=bytes_max, reads_max=reads_max)
