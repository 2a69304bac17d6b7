"""One pack and its index, written by ourselves: a commit is one durable file, not many loose ones.

Formats: git's `gitformat-pack` (pack version 2, index version 2). Objects are stored whole, compressed fast; repacking
later finds the deltas.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from pioche.git.objects import AnyObject, object_id
from pioche.names import Oid

_TYPE = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_ZLIB_LEVEL = 1
_LARGE_OFFSET = 0x80000000


class _Row(NamedTuple):
    name: bytes
    crc: int
    offset: int


def write_pack(folder: Path, objects: Iterable[AnyObject], *, scratch: Path | None = None) -> str:
    """Writes the objects into `folder` as `pack-<name>.pack` and `.idx`, both synced, and returns `<name>`.

    Idempotent: the same objects in the same order give the same name. Readers see the pack only when the index is in
    place, which is the last step. What is half written lies in `scratch`, on the same file system (None: in `folder`).
    One object at a time is in memory, of those that are not there already. Raises ValueError when there is nothing to
    write.
    """
    unique = {_name_of(one): one for one in objects}
    if not unique:
        raise ValueError("a pack holds at least one object")
    pack = _Pack(unique)
    partial = _write_partial(scratch or folder, pack.records())
    name = pack.trailer.hex()
    _into_place(partial, folder / f"pack-{name}.pack")
    write_synced(folder / f"pack-{name}.idx", _encode_index(sorted(pack.rows), pack.trailer), scratch=scratch)
    sync_folder(folder)
    return name


def sync_folder(folder: Path) -> None:
    """A rename is durable only once the folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_synced(path: Path, parts: Iterable[bytes], *, scratch: Path | None = None) -> None:
    """Writes a read-only file, under a temporary name in `scratch` first: a crash or a full disk leaves nothing that looks
    whole, and nothing where nobody would sweep it."""
    _into_place(_write_partial(scratch or path.parent, parts), path)


def _write_partial(folder: Path, parts: Iterable[bytes]) -> Path:
    partial = folder / f"tmp_{os.urandom(12).hex()}"
    try:
        with partial.open("xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o444)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return partial


def _into_place(partial: Path, path: Path) -> None:
    try:
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


class _Pack:
    """A pack being encoded: `rows` and `trailer` are there when all `records` were taken."""

    def __init__(self, unique: Mapping[Oid, AnyObject]) -> None:
        self._unique = unique
        self.rows: list[_Row] = []
        self.trailer = b""

    def records(self) -> Iterator[bytes]:
        """Everything that stands in the file, in order."""
        header = b"PACK" + struct.pack(">LL", 2, len(self._unique))
        digest = hashlib.sha1(header, usedforsecurity=False)
        offset = len(header)
        yield header
        for oid, one in self._unique.items():
            kind, data = one if isinstance(one, tuple) else ("blob", one.read())
            record = _record_header(_TYPE[kind], len(data)) + zlib.compress(data, _ZLIB_LEVEL)
            digest.update(record)
            self.rows.append(_Row(bytes.fromhex(oid), zlib.crc32(record), offset))
            offset += len(record)
            yield record
        self.trailer = digest.digest()
        yield self.trailer


def _name_of(one: AnyObject) -> Oid:
    return object_id(*one) if isinstance(one, tuple) else one.oid


def _record_header(kind: int, size: int) -> bytes:
    """Four bits of size beside the type, then seven at a time."""
    byte, size = kind << 4 | size & 15, size >> 4
    out = bytearray()
    while size:
        out.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    out.append(byte)
    return bytes(out)


def _encode_index(rows: list[_Row], trailer: bytes) -> list[bytes]:
    counts = [0] * 256
    for row in rows:
        counts[row.name[0]] += 1
    large = [row.offset for row in rows if row.offset >= _LARGE_OFFSET]
    places = iter(range(len(large)))
    offsets = [row.offset if row.offset < _LARGE_OFFSET else _LARGE_OFFSET | next(places) for row in rows]
    parts = [
        b"\xfftOc" + struct.pack(">L", 2),
        struct.pack(">256L", *accumulate(counts)),
        b"".join(row.name for row in rows),
        struct.pack(f">{len(rows)}L", *(row.crc for row in rows)),
        struct.pack(f">{len(rows)}L", *offsets),
        struct.pack(f">{len(large)}Q", *large),
        trailer,
    ]
    return [*parts, hashlib.sha1(b"".join(parts), usedforsecurity=False).digest()]
