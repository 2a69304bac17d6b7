"""Reading the objects of one repo: libgit2 underneath, kept open, shared between threads under one lock.

libgit2 checks the hash of every object it reads; bytes that do not match raise Corrupt and are never handed out.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import pygit2
import pygit2.enums

from pioche.errors import Corrupt, Unavailable
from pioche.git.objects import (
    KINDS,
    BadObject,
    Commit,
    NewObject,
    ObjectMissing,
    Tag,
    TreeEntry,
    parse_commit,
    parse_tag,
    parse_tree,
)
from pioche.names import Oid

_KIND_NUMBER = dict(zip(KINDS, (1, 2, 3, 4), strict=True))
_NUMBER_KIND = {number: kind for kind, number in _KIND_NUMBER.items()}
_COMMITS_KEPT = 4096
_CACHE_BYTES_MAX = 128 * 2**20
_CACHED_TREE_BYTES_MAX = 2 * 2**20

# libgit2 keeps parsed objects, but by default no tree over 4 KiB (about 100 files): a look-up in a folder of 10,000 files
# would parse it each time.
pygit2.settings.cache_max_size(_CACHE_BYTES_MAX)
pygit2.settings.cache_object_limit(pygit2.enums.ObjectType.TREE, _CACHED_TREE_BYTES_MAX)
_Parsed = TypeVar("_Parsed")


class Change(NamedTuple):
    """A file that differs between two trees: `old` is None where it was added, `new` where it was removed."""

    path: str
    old: TreeEntry | None
    new: TreeEntry | None


class Reader:
    """The objects under `path` and those of the seed. `path` may appear later, at the first write."""

    def __init__(self, path: Path, seed: Mapping[Oid, NewObject]) -> None:
        self.path = path
        self.seed: dict[Oid, NewObject] = dict(seed)
        self._lock = threading.RLock()
        self._commits: dict[Oid, Commit] = {}
        self._open()

    def _open(self) -> None:
        self._on_disk = self._is_on_disk()
        self._odb = pygit2.Odb()
        if self._on_disk:
            self._odb.add_disk_alternate(str(self.path / "objects"))
        self._odb.add_backend(_SeedBackend(self.seed), 1)
        # A repository without a path: refs and settings on disk are never looked at.
        self._repo = pygit2.Repository()
        self._repo.set_odb(self._odb)

    def _look_again(self) -> None:
        """The first write may have happened since this was opened."""
        if not self._on_disk and self._is_on_disk():
            self._open()

    def _is_on_disk(self) -> bool:
        """libgit2 looks for the folder of packs once, when it is told of the objects: a first write may be half way, now or
        since a crash."""
        return (self.path / "objects" / "pack").is_dir()

    def add_seed(self, seed: Mapping[Oid, NewObject]) -> None:
        self.seed.update(seed)

    def read(self, oid: Oid) -> NewObject:
        """The object's kind and bytes. Raises ObjectMissing; Corrupt when the stored bytes are damaged."""
        with self._lock:
            try:
                number, data = self._odb.read(oid)
            except (KeyError, pygit2.GitError) as error:
                number, data = self._read_again(oid, error)
        return _NUMBER_KIND[int(number)], data

    def _read_again(self, oid: Oid, error: Exception) -> tuple[pygit2.enums.ObjectType, bytes]:
        """Once more with everything reopened: the repo was written to for the first time, or its packs were joined."""
        if isinstance(error, KeyError) and self._on_disk:
            raise ObjectMissing(oid) from None  # libgit2 has looked for new packs already
        self._open()
        try:
            return self._odb.read(oid)
        except KeyError:
            raise ObjectMissing(oid) from None
        except pygit2.GitError as failure:
            if "open files" in str(failure):
                raise Unavailable("Too many files are open at this moment: try again") from failure
            raise Corrupt(f"git object {oid} is damaged: {failure}") from failure

    def __contains__(self, oid: Oid) -> bool:
        with self._lock:
            self._look_again()
            return self._odb.exists(oid)

    def size(self, oid: Oid) -> int:
        """In bytes, without reading the object."""
        with self._lock:
            try:
                return int(self._odb.read_header(oid)[1])
            except (KeyError, pygit2.GitError):
                pass
        return len(self.read(oid)[1])

    def kind(self, oid: Oid) -> str:
        with self._lock:
            try:
                return _NUMBER_KIND[int(self._odb.read_header(oid)[0])]
            except (KeyError, pygit2.GitError):
                pass
        return self.read(oid)[0]

    def blob(self, oid: Oid) -> bytes:
        return self._read_kind(oid, "blob")

    def commit(self, oid: Oid) -> Commit:
        found = self._commits.get(oid)
        if found is None:
            data = self._read_kind(oid, "commit")
            found = _sound(oid, lambda: parse_commit(oid, data))
            if len(self._commits) >= _COMMITS_KEPT:
                self._commits.clear()
            self._commits[oid] = found
        return found

    def tag(self, oid: Oid) -> Tag:
        data = self._read_kind(oid, "tag")
        return _sound(oid, lambda: parse_tag(oid, data))

    def peel(self, oid: Oid) -> tuple[str, Oid]:
        """What a ref means in the end: annotated tags are followed to the object they name."""
        while (kind := self.kind(oid)) == "tag":
            oid = self.tag(oid).target
        return kind, oid

    def tree(self, oid: Oid) -> list[TreeEntry]:
        data = self._read_kind(oid, "tree")
        return _sound(oid, lambda: parse_tree(data))

    def find(self, tree_oid: Oid, path: str) -> TreeEntry | None:
        """The entry at `path` (a file or a folder), or None. Raises ObjectMissing when the tree itself is not there."""
        entry, tree = None, tree_oid
        for segment in path.split("/"):
            entry = self._entry(tree, segment)
            if entry is None:
                return None
            tree = entry.oid if entry.is_tree else Oid("")
        return entry

    def _entry(self, tree: Oid, name: str) -> TreeEntry | None:
        if not tree or not name:
            return None
        with self._lock:
            folder = self._parsed(tree)
            try:
                found = folder[name]
            except (KeyError, ValueError):
                return None
            return TreeEntry(int(found.filemode), name, Oid(str(found.id)))

    def walk(self, tree_oid: Oid, prefix: str = "") -> Iterator[tuple[str, TreeEntry]]:
        """Every file (and submodule) below a tree with its path; `prefix` is put before each path. In path order."""
        pending = [(prefix, iter(self.tree(tree_oid)))]
        while pending:
            base, entries = pending[-1]
            for entry in entries:
                if entry.is_tree:
                    pending.append((f"{base}{entry.name}/", iter(self.tree(entry.oid))))
                    break
                yield base + entry.name, entry
            else:
                pending.pop()

    def diff(self, old_tree: Oid | None, new_tree: Oid | None) -> Iterator[Change]:
        """Files that differ, in no promised order; equal folders are not opened. None is an empty tree."""
        if old_tree is None or new_tree is None:
            yield from (Change(path, None, entry) for path, entry in (self.walk(new_tree) if new_tree else ()))
            yield from (Change(path, entry, None) for path, entry in (self.walk(old_tree) if old_tree else ()))
        elif old_tree != new_tree:
            yield from self._changes(old_tree, new_tree)

    def _changes(self, old_tree: Oid, new_tree: Oid) -> list[Change]:
        """A file that became a link comes as a removal and an addition of one path: they are one change."""
        found: dict[str, Change] = {}
        for delta in self._deltas(old_tree, new_tree):
            old, new = _side(delta.old_file), _side(delta.new_file)
            path = (delta.new_file if new else delta.old_file).raw_path.decode("utf-8", "surrogateescape")
            known = found.get(path, Change(path, None, None))
            found[path] = Change(path, old or known.old, new or known.new)
        return list(found.values())

    def _deltas(self, old_tree: Oid, new_tree: Oid) -> list[pygit2.DiffDelta]:
        with self._lock:
            try:
                return list(self._parsed(old_tree).diff_to_tree(self._parsed(new_tree)).deltas)
            except (pygit2.GitError, KeyError) as error:
                raise Corrupt(f"The trees {old_tree} and {new_tree} cannot be compared: {error}") from error

    def _parsed(self, tree: Oid) -> pygit2.Tree:
        """The tree as libgit2 keeps it. Called under the lock. Raises ObjectMissing, Corrupt."""
        for _ in range(2):
            try:
                found = self._repo.get(tree)
            except (pygit2.GitError, ValueError):
                found = None
            if isinstance(found, pygit2.Tree):
                return found
            self.tree(tree)  # says what is wrong with it, or opens the repo anew where packs had moved
        raise Corrupt(f"git object {tree} cannot be read")

    def _read_kind(self, oid: Oid, kind: str) -> bytes:
        found, data = self.read(oid)
        if found != kind:
            raise ObjectMissing(oid)
        return data


def _side(file: pygit2.DiffFile) -> TreeEntry | None:
    """libgit2 writes a null id and mode for the side on which there is no file."""
    if not file.mode:
        return None
    name = file.raw_path.rpartition(b"/")[2].decode("utf-8", "surrogateescape")
    return TreeEntry(int(file.mode), name, Oid(str(file.id)))


def _sound(oid: Oid, parse: Callable[[], _Parsed]) -> _Parsed:
    """Stored objects were checked when they came in: one that cannot be read was damaged since."""
    try:
        return parse()
    except BadObject as error:
        raise Corrupt(f"git object {oid} cannot be read: {error}") from error


class _SeedBackend(pygit2.OdbBackend):
    """Objects held in memory, for libgit2. The names of the methods are pygit2's."""

    def __init__(self, seed: dict[Oid, NewObject]) -> None:
        super().__init__()
        self._seed = seed

    def read_cb(self, oid: object) -> tuple[int, bytes]:
        kind, data = self._seed[Oid(str(oid))]
        return _KIND_NUMBER[kind], data

    def read_header_cb(self, oid: object) -> tuple[int, int]:
        number, data = self.read_cb(oid)
        return number, len(data)

    def exists_cb(self, oid: object) -> bool:
        return str(oid) in self._seed

    def exists_prefix_cb(self, prefix: object) -> pygit2.Oid:
        matches = [oid for oid in self._seed if oid.startswith(str(prefix))]
        if len(matches) != 1:
            raise KeyError(prefix)
        return pygit2.Oid(hex=matches[0])

    def read_prefix_cb(self, prefix: object) -> tuple[int, bytes, pygit2.Oid]:
        oid = self.exists_prefix_cb(prefix)
        return (*self.read_cb(oid), oid)

    def refresh_cb(self) -> None:
        """Nothing to look for: the seed is a plain dictionary."""

    def __iter__(self) -> Iterator[pygit2.Oid]:
        return iter([pygit2.Oid(hex=oid) for oid in self._seed])
