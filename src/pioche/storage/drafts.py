"""Files on their way in: bytes that arrive are written, counted and hashed in one pass, and kept only when taken over."""

import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pioche.errors import ContentMismatch, Unavailable
from pioche.names import Oid, Sha256
from pioche.storage import direct
from pioche.storage.direct import DirectWriter
from pioche.storage.disk import translated

_VECTORS_MAX = 1024  # IOV_MAX on Linux


class DraftFile:
    """One new file under `folder`, made at the first write. A context manager: what nobody took over is gone at its end.

    Not safe for two threads at once. Methods raise OutOfSpace and Unavailable when the disk fails.
    """

    def __init__(self, folder: Path, *, size: int) -> None:
        """`size` in bytes is about what will come: what is large goes past the page cache."""
        self.path = folder / f"draft-{secrets.token_hex(12)}"
        self._is_large = size >= direct.BYTES_MIN
        self._descriptor = -1
        self._direct: DirectWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        with translated():
            self.path.unlink(missing_ok=True)

    def append(self, pieces: Sequence[bytes | memoryview]) -> None:
        with translated():
            if self._descriptor < 0:
                self._open()
            if self._direct is None:
                write_all(self._descriptor, pieces)
            else:
                self._direct.write(pieces)

    def close(self) -> None:
        """All that was appended is in the file, which exists even if that is nothing."""
        self.append(())
        with translated():
            if self._direct is not None:
                self._direct.flush()
        self._close()

    def _open(self) -> None:
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        if self._is_large:
            self._direct = DirectWriter(self._descriptor)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Draft(DraftFile):
    """A file that is hashed while it comes."""

    def __init__(self, folder: Path, *, size: int) -> None:
        """`size` is what was announced: not a byte more is written."""
        super().__init__(folder, size=size)
        self._announced = size
        self._received = 0
        self._hash = hashlib.sha256()

    def write(self, pieces: Sequence[bytes]) -> None:
        """Appends. Raises ContentMismatch past the announced size."""
        self._received += sum(map(len, pieces))
        if self._received > self._announced:
            raise ContentMismatch(f"More than the announced {self._announced} bytes were sent")
        self.append(pieces)
        for piece in pieces:
            self._hash.update(piece)

    def finish(self) -> Sha256:
        """The sha256 of what came. Raises ContentMismatch unless it is as long as announced."""
        if self._received != self._announced:
            raise ContentMismatch(f"{self._received} bytes were sent where {self._announced} were announced")
        self.close()
        return Sha256(self._hash.hexdigest())


class Spool:
    """Many small files that wait outside of memory, one behind the other in a file without a name: it is gone with the last
    of them, and when the process dies. Not safe for two threads at once."""

    def __init__(self, folder: Path) -> None:
        """The file is made in `folder` at the first `add`."""
        self._folder = folder
        self._end = 0
        self.descriptor = -1

    def add(self, data: bytes, oid: Oid) -> "Spooled":
        """`oid` is what git will call it. Raises OutOfSpace, Unavailable."""
        with translated():
            if self.descriptor < 0:
                path = self._folder / f"spool-{secrets.token_hex(12)}"
                self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                path.unlink()
            write_all(self.descriptor, [data], self._end)
        spooled = Spooled(self, self._end, len(data), oid)
        self._end += len(data)
        return spooled

    def __del__(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


@dataclass(frozen=True, slots=True)
class Spooled:
    """One file in a spool. `size` in bytes."""

    spool: Spool
    start: int
    size: int
    oid: Oid

    def read(self) -> bytes:
        """Raises Unavailable."""
        pieces, position, end = list[bytes](), self.start, self.start + self.size
        while position < end:
            with translated():
                piece = os.pread(self.spool.descriptor, end - position, position)
            if not piece:
                raise Unavailable("What was sent cannot be read back: send it again")
            pieces.append(piece)
            position += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def write_all(descriptor: int, pieces: Sequence[bytes | memoryview], position: int | None = None) -> None:
    """Writes every byte, at `position` or where the file stands. Raises OSError."""
    vectors = [memoryview(piece) for piece in pieces if piece]
    while vectors:
        batch = vectors[:_VECTORS_MAX]
        if position is None:
            count = os.writev(descriptor, batch)
        else:
            count = os.pwritev(descriptor, batch, position)
            position += count
        while vectors and count >= len(vectors[0]):
            count -= len(vectors.pop(0))
        if count:
            vectors[0] = vectors[0][count:]
