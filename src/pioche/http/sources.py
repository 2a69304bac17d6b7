"""Where a response's bytes come from when they are not in memory.

`FileSource` is the hot path: positioned reads that never block the loop (performance.md section 1).
"""

import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pioche.errors import Corrupt
from pioche.http import threads
from pioche.storage.disk import OpenFile, translate

_PIECE = 2**18  # as cheap as 1 MiB, and a client that does not read holds up five of them

Piece = bytes | bytearray


class Source(Protocol):
    """`length` is exact, or None when it is not known before the end.

    `pieces` may be called once. A piece is good until the next one is asked for: its memory may be used again.
    """

    length: int | None

    def pieces(self) -> AsyncIterator[Piece]: ...


async def close_pieces(pieces: AsyncIterator[Piece]) -> None:
    """Ends an iteration that may be half way: what it holds open is closed now, not when the collector comes by."""
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()


@dataclass(slots=True)
class FileSource:
    """Bytes [start, start + length) of a file."""

    file: OpenFile
    start: int
    length: int | None

    def at_once(self) -> Piece | None:
        """All of it without waiting, if it is no more than a piece and in the page cache: no generator, no thread."""
        if self.length is None or self.length > _PIECE:
            return None
        buffer = bytearray(self.length)
        try:
            count = os.preadv(self.file.descriptor, [buffer], self.start, os.RWF_NOWAIT)
        except OSError:
            return None
        return buffer if count == self.length else None

    async def pieces(self) -> AsyncIterator[Piece]:
        assert self.length is not None  # noqa: S101 - the type allows None for the protocol's sake
        position, end = self.start, self.start + self.length
        # One buffer for all pieces: it need not be made, filled with zeros and copied for each.
        buffer = bytearray(min(_PIECE, self.length))
        while position < end:
            if end - position < len(buffer):
                buffer = bytearray(end - position)
            count = await _read_into(buffer, self.file.descriptor, position)
            if not count:
                raise Corrupt(f"A stored file ended {end - position} bytes early")
            position += count
            yield buffer if count == len(buffer) else buffer[:count]


async def _read_into(buffer: bytearray, descriptor: int, position: int) -> int:
    """Without waiting what is in the page cache, the rest in a thread. Raises Unavailable."""
    with contextlib.suppress(OSError):  # nothing of it is there, or the file system cannot tell
        return os.preadv(descriptor, [buffer], position, os.RWF_NOWAIT)
    try:
        return await threads.run(os.preadv, descriptor, [buffer], position)
    except OSError as error:
        raise translate(error) from error


@dataclass(slots=True)
class IteratorSource:
    """Pieces of a plain iterator, each fetched in a worker thread. `opened` runs on first use."""

    opened: Callable[[], Iterator[bytes]]
    length: int | None
    _begun: "tuple[Iterator[bytes], bytes | None] | None" = None

    async def begin(self) -> None:
        """Fetches the first piece now: what cannot be read is refused while a status can still say so."""
        iterator = await threads.run(self.opened)
        self._begun = iterator, await threads.next_of(iterator)

    async def pieces(self) -> AsyncIterator[bytes]:
        if self._begun is None:
            await self.begin()
        assert self._begun is not None  # noqa: S101 - it just has
        iterator, piece = self._begun
        while piece is not None:
            yield piece
            piece = await threads.next_of(iterator)


@dataclass(slots=True)
class StreamSource:
    """Pieces that come from async code already, such as a running git."""

    stream: AsyncIterator[bytes]
    length: int | None = None

    def pieces(self) -> AsyncIterator[bytes]:
        return self.stream
