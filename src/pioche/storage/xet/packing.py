"""Chunks into xorbs, and the terms of the file that they make. What is stored already is referred to, not stored again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pioche.names import Sha256
from pioche.storage.drafts import DraftFile
from pioche.storage.xet.codec import Scheme, encode
from pioche.storage.xet.hashing import Tree, chunk_hash, file_hash, xorb_hash
from pioche.storage.xet.shards import TERM, CheckedFile
from pioche.storage.xet.xorbs import XORB_CHUNKS_MAX, XORB_RAW_BYTES_MAX, ChunkTable

_REMEMBERED_MAX = 200_000  # chunks of the file itself, 12 GB of it: where it repeats itself it is stored once

Place = tuple[bytes, int]
"""A xorb (raw hash) and the index of a chunk in it."""

Keep = Callable[[bytes, ChunkTable, Path], None]
"""Takes over a xorb by its hash: durable, and with a row, when it returns."""


@dataclass(slots=True)
class _Run:
    """Chunks [start, end) of a xorb; one of the file's own goes by its number."""

    xorb: bytes | int
    start: int
    end: int
    raw_bytes: int


class Packing:
    """Takes chunks in file order. A context manager: what was not kept is gone at its end.

    Methods raise OutOfSpace and Unavailable when the disk fails, and what `keep` raises.
    """

    def __init__(self, keep: Keep, scratch: Path, scheme: Scheme, known: Mapping[bytes, Place]) -> None:
        self._keep = keep
        self._scratch = scratch
        self._scheme = scheme
        self._places: dict[bytes, tuple[bytes | int, int]] = dict(known)
        self._remembered_max = len(known) + _REMEMBERED_MAX
        self._kept = list[bytes]()
        self._runs = list[_Run]()
        self._tree = Tree()
        self._xorb: _Xorb | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._xorb is not None:
            self._xorb.file.__exit__(kind, error, trace)

    def add(self, data: memoryview) -> None:
        """The next chunk."""
        name = chunk_hash(data)
        self._tree.add(name, [len(data)])
        xorb, index = self._places.get(name) or self._store(name, data)
        last = self._runs[-1] if self._runs else None
        if last is not None and (last.xorb, last.end) == (xorb, index):
            last.end += 1
            last.raw_bytes += len(data)
        else:
            self._runs.append(_Run(xorb, index, index + 1, len(data)))

    def finish(self, sha256: Sha256) -> CheckedFile:
        """The file, whose sha256 is not looked at; every xorb that it names is kept."""
        self._keep_xorb()
        terms = bytearray()
        for run in self._runs:
            xorb = self._kept[run.xorb] if isinstance(run.xorb, int) else run.xorb
            terms += TERM.pack(xorb, run.raw_bytes, run.start, run.end)
        size = sum(run.raw_bytes for run in self._runs)
        return CheckedFile(file_hash(self._tree), size, bytes(terms), sha256)

    def _store(self, name: bytes, data: memoryview) -> tuple[int, int]:
        if self._xorb is not None and not self._xorb.has_room(len(data)):
            self._keep_xorb()
        if self._xorb is None:
            self._xorb = _Xorb(self._scratch)
        place = len(self._kept), self._xorb.count
        self._xorb.add(name, data, self._scheme)
        if len(self._places) < self._remembered_max:
            self._places[name] = place
        return place

    def _keep_xorb(self) -> None:
        if self._xorb is not None:
            name, table = self._xorb.finish()
            self._keep(name, table, self._xorb.file.path)
            self._kept.append(name)
            self._xorb = None


class _Xorb:
    """One that is being filled, in a file."""

    def __init__(self, scratch: Path) -> None:
        self.file = DraftFile(scratch, size=XORB_RAW_BYTES_MAX)
        self._hashes = bytearray()
        self._lengths = list[int]()
        self._stored_ends = [0]
        self._raw_ends = [0]

    @property
    def count(self) -> int:
        return len(self._lengths)

    def has_room(self, raw_bytes: int) -> bool:
        return self.count < XORB_CHUNKS_MAX and self._raw_ends[-1] + raw_bytes <= XORB_RAW_BYTES_MAX

    def add(self, name: bytes, data: memoryview, scheme: Scheme) -> None:
        stored = encode(data, scheme)
        self.file.append(stored)
        self._hashes += name
        self._lengths.append(len(data))
        self._stored_ends.append(self._stored_ends[-1] + sum(map(len, stored)))
        self._raw_ends.append(self._raw_ends[-1] + len(data))

    def finish(self) -> tuple[bytes, ChunkTable]:
        """Its hash and its table."""
        self.file.close()
        hashes = bytes(self._hashes)
        return xorb_hash(hashes, self._lengths), ChunkTable.of(hashes, self._stored_ends[1:], self._raw_ends[1:])
