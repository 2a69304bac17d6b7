"""Removing objects that nothing leads to: which packs hold any, packs written anew without them, packs taken away.

The only code that makes objects disappear. What is reachable is for the caller to know: refs live in the database.
"""

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pioche.git import program
from pioche.git.packs import sync_folder
from pioche.git.program import GitFailed
from pioche.names import Oid

_FANOUT = 8 + 256 * 4
_LARGE_OFFSET = 0x80000000
_TRAILER_BYTES = 20
_REPACK_SECONDS_MAX = 6 * 3600


class Reached:
    """A set of object ids in eight bytes each, by the first half of the id: two that share it are taken for one, which
    keeps an object too many, never one too few."""

    def __init__(self, oids: Iterable[Oid]) -> None:
        buckets = [array("Q") for _ in range(256)]
        for oid in oids:
            buckets[int(oid[:2], 16)].append(int(oid[:16], 16))
        self._buckets = [array("Q", sorted(bucket)) for bucket in buckets]

    def __contains__(self, name: bytes) -> bool:
        """`name` is the raw id."""
        bucket, wanted = self._buckets[name[0]], int.from_bytes(name[:8], "big")
        at = bisect_left(bucket, wanted)
        return at < len(bucket) and bucket[at] == wanted


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as a survey found it; `dead_bytes` is the space of its `dead` objects, of `bytes` in all."""

    path: Path
    live: int
    dead: int
    bytes: int
    dead_bytes: int


def survey(git_dir: Path, reached: Reached, *, modified_before: int) -> Iterator[Pack]:
    """The packs that hold something unreachable and were not written to since (Unix milliseconds)."""
    for index in sorted((git_dir / "objects" / "pack").glob("pack-*.idx")):
        path = index.with_suffix(".pack")
        try:
            status = path.stat()
            if status.st_mtime_ns // 1_000_000 >= modified_before:
                continue
            names, offsets = _read_index(index.read_bytes())
        except FileNotFoundError:
            continue  # joined with others at this moment
        dead = [
            position for position in range(len(offsets)) if names[20 * position : 20 * position + 20] not in reached
        ]
        if dead:
            dead_bytes = _space(offsets, dead, status.st_size - _TRAILER_BYTES)
            yield Pack(path, len(offsets) - len(dead), len(dead), status.st_size, dead_bytes)


def rewrite(snapshot: Path, pack: Pack, reached: Reached) -> Path:
    """A new pack, durable, in the throw-away directory `snapshot` (whose alternate is the repo), with what is alive in
    `pack`. Raises GitFailed."""
    names, _ = _read_index(pack.path.with_suffix(".idx").read_bytes())
    live = [names[at : at + 20] for at in range(0, len(names), 20) if names[at : at + 20] in reached]
    wanted = b"".join(name.hex().encode() + b"\n" for name in live)
    base = snapshot / "objects" / "pack" / "pack"
    done = program.output(snapshot, ["pack-objects", "-q", str(base)], stdin=wanted, timeout_s=_REPACK_SECONDS_MAX)
    written = base.with_name(f"pack-{done.decode().strip()}.pack")
    if not written.exists():
        raise GitFailed("git pack-objects wrote no pack")
    sync_folder(written.parent)
    return written


def remove(packs: Sequence[Path]) -> None:
    """Takes packs away, durably. The index goes first: a pack without one is not seen."""
    for pack in packs:
        for file in sorted(pack.parent.glob(f"{pack.stem}.*"), key=lambda path: path.suffix != ".idx"):
            file.unlink(missing_ok=True)
    for folder in {pack.parent for pack in packs}:
        sync_folder(folder)


def sweep(git_dir: Path, *, modified_before: int) -> None:
    """Removes packs without an index and the reverse, which a crash left and nobody wrote to since (Unix milliseconds): a
    write or a removal that goes on has one without the other for a moment."""
    folder = git_dir / "objects" / "pack"
    for path in (*folder.glob("pack-*.pack"), *folder.glob("pack-*.idx")):
        other = path.with_suffix(".idx" if path.suffix == ".pack" else ".pack")
        try:
            if not other.exists() and path.stat().st_mtime_ns // 1_000_000 < modified_before:
                path.unlink()
        except FileNotFoundError:
            continue  # its removal went on


def _read_index(data: bytes) -> tuple[bytes, list[int]]:
    """The ids (20 bytes each) and, in the same order, where their objects begin (git's `gitformat-pack`, index version
    2). Raises GitFailed."""
    if data[:8] != b"\xfftOc\x00\x00\x00\x02":
        raise GitFailed("the index of a pack is not of version 2")
    (count,) = struct.unpack_from(">L", data, _FANOUT - 4)
    at = _FANOUT + 24 * count
    small = struct.unpack_from(f">{count}L", data, at)
    large = at + 4 * count
    offsets = [
        offset
        if offset < _LARGE_OFFSET
        else int(struct.unpack_from(">Q", data, large + 8 * (offset & ~_LARGE_OFFSET))[0])
        for offset in small
    ]
    return data[_FANOUT : _FANOUT + 20 * count], offsets


def _space(offsets: list[int], positions: list[int], end: int) -> int:
    """An object ends where the next one begins."""
    ordered = [*sorted(offsets), end]
    return sum(ordered[bisect_left(ordered, offsets[position]) + 1] - offsets[position] for position in positions)
