"""Is everything that git needs there, and whole? What scrub and `pioche fsck` look at packs and objects with.

Packs carry a checksum over all of their bytes, indexes too (git's `gitformat-pack`): reading them is enough. Faults are
sentences, or None; nothing is changed.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pioche.errors import Corrupt, Unavailable
from pioche.git import program
from pioche.git.objects import MODE_GITLINK, BadObject, NewObject, ObjectMissing, parse_commit, parse_tag, parse_tree
from pioche.git.reading import Reader
from pioche.git.snapshot import Snapshot
from pioche.names import HEX40, Oid

_PIECE = 2**20
_SUM_BYTES = 20
_HEADER_BYTES = 12
_INDEX_HEADER = b"\xfftOc" + struct.pack(">L", 2)
_FANOUT_BYTES = 4 * 256
_TIMEOUT_S = 3600

Pace = Callable[[int], None]


# --- files ----------------------------------------------------------------------------------------------------------


def packs(repo: Path) -> list[Path]:
    """The packs of a git directory, with an index or without."""
    return sorted((repo / "objects" / "pack").glob("pack-*.pack"))


def indexes(repo: Path) -> list[Path]:
    return sorted((repo / "objects" / "pack").glob("pack-*.idx"))


def leftovers(repo: Path) -> list[Path]:
    """What writes that were broken off left: temporary packs and objects."""
    folder = repo / "objects"
    return sorted([*folder.glob("tmp_objdir*"), *folder.glob("pack/tmp_*"), *folder.glob("??/tmp_obj_*")])


def loose(repo: Path) -> Iterator[tuple[Oid, Path]]:
    """Objects in files of their own. We write none, but git may."""
    for path in sorted((repo / "objects").glob("[0-9a-f][0-9a-f]/*")):
        name = path.parent.name + path.name
        if HEX40.match(name):
            yield Oid(name), path


def pack_fault(path: Path, pace: Pace) -> str | None:
    """Reads a pack to its end."""
    try:
        with path.open("rb") as file:
            if not file.read(_HEADER_BYTES).startswith(b"PACK"):
                return "it does not begin as a pack does"
    except OSError as error:
        raise Unavailable(f"The disk does not answer: {error.strerror}") from error
    return checksum_fault(path, pace)


def checksum_fault(path: Path, pace: Pace) -> str | None:
    """The last 20 bytes of a pack and of an index are the SHA-1 of what comes before them."""
    digest = hashlib.sha1(usedforsecurity=False)
    try:
        with path.open("rb") as file:
            left = os.fstat(file.fileno()).st_size - _SUM_BYTES
            while left > 0:
                piece = file.read(min(_PIECE, left))
                if not piece:
                    break
                digest.update(piece)
                left -= len(piece)
                pace(len(piece))
            if left or file.read(_SUM_BYTES) != digest.digest():
                return "its bytes do not match its checksum"
    except OSError as error:
        raise Unavailable(f"The disk does not answer: {error.strerror}") from error
    return None


def index_fault(index: Path) -> str | None:
    """Whether an index has the form of one and is that of the pack beside it; does not read the pack."""
    pack = index.with_suffix(".pack")
    if not pack.exists():
        return "there is no pack for it"
    data = index.read_bytes()
    if not data.startswith(_INDEX_HEADER) or len(data) < len(_INDEX_HEADER) + _FANOUT_BYTES + 2 * _SUM_BYTES:
        return "it is not a pack index of version 2"
    if hashlib.sha1(data[:-_SUM_BYTES], usedforsecurity=False).digest() != data[-_SUM_BYTES:]:
        return "its bytes do not match its checksum"
    with pack.open("rb") as file:
        if pack.stat().st_size <= _SUM_BYTES:
            return None  # the pack is what is wrong
        file.seek(-_SUM_BYTES, os.SEEK_END)
        if file.read() != data[-2 * _SUM_BYTES : -_SUM_BYTES]:
            return "it is the index of another pack"
    return None


def indexed(index: Path) -> list[Oid]:
    """The objects that a sound index lists."""
    data = index.read_bytes()
    start = len(_INDEX_HEADER) + _FANOUT_BYTES
    count = struct.unpack_from(">L", data, start - 4)[0]
    return [Oid(data[at : at + 20].hex()) for at in range(start, start + 20 * count, 20)]


def loose_fault(oid: Oid, path: Path, pace: Pace) -> str | None:
    try:
        stored = path.read_bytes()
        data = zlib.decompress(stored)
    except zlib.error:
        return "it cannot be decompressed"
    pace(len(stored))
    return None if hashlib.sha1(data, usedforsecurity=False).hexdigest() == oid else "its bytes do not match its name"


# --- what is reachable ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Reachable:
    """What the roots lead to. `broken` are the objects that are missing or damaged, with what is wrong."""

    blobs: set[Oid] = field(default_factory=set)
    broken: dict[Oid, str] = field(default_factory=dict)


def reachable(scratch: Path, repo: Path, seed: Mapping[Oid, NewObject], roots: Iterable[Oid]) -> Reachable:
    """Every blob reachable from `roots`, and every object that should be and is not. Roots may be missing themselves.

    By the git program; object by object where that breaks off, which is slower and names everything that is wrong.
    """
    wanted = sorted(set(roots))
    if not wanted:
        return Reachable()
    with Snapshot(scratch, repo, seed) as snapshot:
        return _by_git(snapshot.path, wanted) or _by_hand(Reader(snapshot.path, seed), wanted)


def _by_git(snapshot: Path, roots: list[Oid]) -> Reachable | None:
    stdin, listing, checked = snapshot / "roots", snapshot / "listing", snapshot / "checked"
    stdin.write_text("".join(f"{oid}\n" for oid in roots), "ascii")
    arguments = ["rev-list", "--objects", "--no-object-names", "--stdin"]
    if program.to_file(snapshot, arguments, stdin, listing, timeout_s=_TIMEOUT_S):
        return None
    arguments = ["cat-file", "--batch-check=%(objectname) %(objecttype)", "--buffer"]
    if program.to_file(snapshot, arguments, listing, checked, timeout_s=_TIMEOUT_S):
        return None
    found = Reachable()
    with checked.open("r", encoding="ascii") as lines:
        for line in lines:
            oid, _, kind = line.rstrip("\n").partition(" ")
            if kind == "blob":
                found.blobs.add(Oid(oid))
            elif kind == "missing":
                return None
    return found


def _by_hand(objects: Reader, roots: list[Oid]) -> Reachable:
    found, seen, pending = Reachable(), set(roots), list(roots)
    while pending:
        oid = pending.pop()
        try:
            kind, data = objects.read(oid)
            below = leads_to(oid, kind, data)
        except ObjectMissing:
            found.broken[oid] = "it is missing"
        except (Corrupt, BadObject):
            found.broken[oid] = "it is damaged"
        else:
            if kind == "blob":
                found.blobs.add(oid)
            new = [other for other in below if other not in seen]
            seen.update(new)
            pending += new
    return found


def leads_to(oid: Oid, kind: str, data: bytes) -> list[Oid]:
    """The objects that one names. Raises BadObject."""
    if kind == "blob":
        return []
    if kind == "tree":
        return [entry.oid for entry in parse_tree(data) if entry.mode != MODE_GITLINK]
    if kind == "tag":
        return [parse_tag(oid, data).target]
    commit = parse_commit(oid, data)
    return [commit.tree, *commit.parents]
