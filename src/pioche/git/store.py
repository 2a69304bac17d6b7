"""Where objects are kept: `ab/<uid>.git` under one root, made at the first write.

A repo that nobody wrote to has no file at all: its objects are the few that the caller passes as `seed`. The first
write stores the seed with the rest and puts `HEAD` in place last, so that a crash half way counts as "never written".
"""

import hashlib
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pioche.git import program
from pioche.git.history import Objects
from pioche.git.objects import AnyObject, NewObject
from pioche.git.packs import sync_folder, write_pack, write_synced
from pioche.names import Oid
from pioche.storage.disk import translated

__all__ = ["GitStore", "Objects"]

_HEAD = b"ref: refs/heads/main\n"
_WRITTEN_MAX = 100_000
_NO_SEED: Mapping[Oid, NewObject] = {}


class GitStore:
    """All repos' objects. Safe to share between threads; other processes may write to the same root."""

    def __init__(self, root: Path, *, open_max: int = 256, scratch: Path | None = None) -> None:
        """`scratch` is where throw-away git directories are made; it lies on the same file system as `root`."""
        self.root = root
        self.scratch = scratch or root.parent / "incoming"
        self._open_max = open_max
        self._open: OrderedDict[str, Objects] = OrderedDict()
        self._generations: dict[str, int] = {}
        self._lock = threading.Lock()
        # Uids are never used again, so nobody asks for one that was deleted, by whatever process.
        self._written: set[str] = set()
        self._durable: set[str] = set()
        """Repos whose `HEAD` is known to outlive a power cut; another process may have written it a moment ago."""

    def path(self, uid: str) -> Path:
        """The repo's git directory, there or not. The first two digits of the uid's sha1 spread repos evenly."""
        if not uid.isalnum():
            raise ValueError(f"{uid!r} is not a repo's uid")
        spread = hashlib.sha1(uid.encode(), usedforsecurity=False).hexdigest()[:2]
        return self.root / spread / f"{uid}.git"

    def exists(self, uid: str) -> bool:
        """True once something was written: from then on the seed is among the stored objects."""
        if uid in self._written:
            return True
        found = (self.path(uid) / "HEAD").exists()
        if found and len(self._written) < _WRITTEN_MAX:
            self._written.add(uid)
        return found

    def open(self, uid: str, seed: Mapping[Oid, NewObject] = _NO_SEED, *, generation: int = 0) -> Objects:
        """The repo's objects, kept open. Works before the first write: then only the seed is there.

        A higher `generation` than before means that objects were removed since: nothing remembered of them counts.
        """
        with self._lock:
            found = self._open.get(uid)
            if found is None or self._generations.get(uid, 0) < generation:
                found = self._open[uid] = Objects(self.path(uid), seed, scratch=self.scratch)
                self._generations[uid] = generation
            self._open.move_to_end(uid)
            while len(self._open) > self._open_max:
                self._generations.pop(self._open.popitem(last=False)[0], None)
        found.add_seed(seed)
        return found

    def write(self, uid: str, objects: Sequence[AnyObject], seed: Mapping[Oid, NewObject] = _NO_SEED) -> None:
        """Stores the objects as one durable pack; returns when they are synced. Idempotent."""
        with translated(), self._writing(uid, seed) as writing:
            writing.add(objects)

    def adopt(self, uid: str, packs: Iterable[Path], seed: Mapping[Oid, NewObject] = _NO_SEED) -> None:
        """Moves finished packs (`pack-*.pack` beside their `.idx`, same file system, synced) into the repo, durably."""
        folder = self.path(uid) / "objects" / "pack"
        with translated(), self._writing(uid, seed) as writing:
            writing.add(())
            for pack in packs:
                # The index goes last: it is what makes the pack visible.
                for file in sorted(pack.parent.glob(f"{pack.stem}.*"), key=lambda path: path.suffix == ".idx"):
                    file.replace(folder / file.name)
            sync_folder(folder)

    @contextmanager
    def _writing(self, uid: str, seed: Mapping[Oid, NewObject]) -> Iterator["_Writing"]:
        with _Writing(self.root, self.scratch, self.path(uid), seed, is_durable=uid in self._durable) as writing:
            yield writing
        if len(self._durable) < _WRITTEN_MAX:
            self._durable.add(uid)

    def delete(self, uid: str) -> None:
        """Removes all objects of the repo. Idempotent. Readers that have it open finish what they read."""
        with self._lock:
            self._open.pop(uid, None)
            self._generations.pop(uid, None)
        self._written.discard(uid)
        self._durable.discard(uid)
        doomed = self.path(uid)
        gone = self.scratch / f"deleted-{uid}-{os.urandom(6).hex()}"  # what a crash leaves of it is swept there
        try:
            doomed.rename(gone)
        except FileNotFoundError:
            return
        shutil.rmtree(gone)

    def pack_count(self, uid: str) -> int:
        return sum(1 for _ in (self.path(uid) / "objects" / "pack").glob("pack-*.idx"))

    def file_bytes(self, uid: str, *, timeout_s: float = 3600) -> int:
        """What all stored files have together, reachable or not, before they are packed."""
        every = ["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objecttype) %(objectsize)"]
        found = program.output(self.path(uid), every, timeout_s=timeout_s).splitlines()
        return sum(int(line.removeprefix(b"blob ")) for line in found if line.startswith(b"blob "))

    def bytes_of(self, uid: str, blobs: Iterable[Oid], *, timeout_s: float = 3600) -> int:
        """What these blobs have together; those that are not there count nothing."""
        every = ["cat-file", "--buffer", "--batch-check=%(objectsize)"]
        asked = "".join(f"{oid}\n" for oid in sorted(blobs)).encode()
        found = program.output(self.path(uid), every, stdin=asked, timeout_s=timeout_s).split(b"\n")
        return sum(int(line) for line in found if line.isdigit())

    def repack(self, uid: str, *, timeout_s: float = 3600) -> None:
        """Joins small packs so that their sizes double from one to the next. Every object stays, reachable or not."""
        if self.exists(uid):
            program.output(
                self.path(uid), ["repack", "--geometric=2", "-d", "-q", "--no-write-bitmap-index"], timeout_s=timeout_s
            )


class _Writing:
    """One write to one repo: makes the skeleton before it and, when it went well, `HEAD` after it.

    `HEAD` appears when everything above and below it is durable, since whoever sees it takes that for granted.
    """

    def __init__(
        self, root: Path, scratch: Path, path: Path, seed: Mapping[Oid, NewObject], *, is_durable: bool
    ) -> None:
        self._root, self._scratch, self._path, self._seed = root, scratch, path, seed
        self._is_durable = is_durable
        self._fresh = not (path / "HEAD").exists()

    def __enter__(self) -> "_Writing":
        if self._fresh:
            for folder in (self._scratch, self._path / "objects" / "pack", self._path / "refs"):
                folder.mkdir(parents=True, exist_ok=True)
        return self

    def add(self, objects: Sequence[AnyObject]) -> None:
        new = [*self._seed.values(), *objects] if self._fresh else objects
        if new:
            write_pack(self._path / "objects" / "pack", new, scratch=self._scratch)

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is not None:
            return
        if self._fresh:
            for folder in (self._path / "objects", self._path, self._path.parent, self._root):
                sync_folder(folder)
            write_synced(self._path / "HEAD", [_HEAD], scratch=self._scratch)
        if self._fresh or not self._is_durable:
            sync_folder(self._path)
