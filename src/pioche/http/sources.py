"""Where a response's bytes come from when they are not in memory.

`FileSource` is the hot path: positioned 1 MiB reads that never block the loop (performance.md section 1).
"""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pioche.errors import Corrupt
from pioche.http import threads
from pioche.storage.disk import translate

_PIECE = 2**20


class Source(Protocol):
    """`length` is exact, or None when it is not known before the end. `pieces` may be called once."""

    length: int | None

    def pieces(self) -> AsyncIterator[bytes]: ...


async def close_pieces(pieces: AsyncIterator[bytes]) -> None:
    """Ends an iteration that may be half way: what it holds open is closed now, not when the collector comes by."""
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()


@dataclass(slots=True)
class FileSource:
    """Bytes [start, start + length) of a file."""

    path: Path
    start: int
    length: int | None

    async def pieces(self) -> AsyncIterator[bytes]:
        assert self.length is not None  # noqa: S101 - the type allows None for the protocol's sake
        descriptor = _open(self.path)
        try:
            position, end = self.start, self.start + self.length
            while position < end:
                piece = await _read(descriptor, min(_PIECE, end - position), position)
                if not piece:
                    raise Corrupt(f"A stored file ended {end - position} bytes early")
                position += len(piece)
                yield piece
        finally:
            os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Corrupt("A stored file is missing") from None
    except OSError as error:
        raise translate(error) from error


async def _read(descriptor: int, size: int, position: int) -> bytes:
    buffer = bytearray(size)
    try:
        count = os.preadv(descriptor, [buffer], position, os.RWF_NOWAIT)
    except BlockingIOError:  # not in the page cache: let a thread wait for the disk
        return await threads.run(os.pread, descriptor, size, position)
    except OSError:  # a file system without RWF_NOWAIT
        return await threads.run(os.pread, descriptor, size, position)
    return bytes(buffer) if count == size else bytes(buffer[:count])


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
