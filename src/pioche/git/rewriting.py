"""History without some blobs: every commit that ever had one is made anew, and all that follow it.

Nothing else changes: authors, dates, messages and the order of commits stay, byte by byte. A signature does not: what it
signed is gone.
"""

from collections.abc import Container

from pioche.git.objects import MODE_TREE, NewObject, TreeEntry, build_tree, object_id
from pioche.git.reading import Reader
from pioche.names import Oid


class Rewriting:
    """Over one repo's objects. `new` are the objects that have to be stored for what `target` answers."""

    def __init__(self, objects: Reader, unwanted: Container[Oid]) -> None:
        self.new: list[NewObject] = []
        self._objects = objects
        self._unwanted = unwanted
        self._trees: dict[Oid, Oid | None] = {}
        self._commits: dict[Oid, Oid] = {}

    def target(self, oid: Oid) -> Oid:
        """What a ref that names `oid` (a commit, or a tag of one) is to name; `oid` itself where nothing changes."""
        if self._objects.kind(oid) == "commit":
            return self.commit(oid)
        data = self._objects.read(oid)[1]
        old = self._objects.tag(oid).target
        new = self.target(old)
        return (
            oid
            if new == old
            else self._store("tag", data.replace(b"object " + old.encode(), b"object " + new.encode(), 1))
        )

    def commit(self, tip: Oid) -> Oid:
        """Parents first, without recursion: histories are long."""
        waiting = [tip]
        while waiting:
            oid = waiting[-1]
            parents = self._objects.commit(oid).parents
            missing = [parent for parent in parents if parent not in self._commits]
            if oid in self._commits or not missing:
                waiting.pop()
                self._commits.setdefault(oid, self._rewritten(oid))
            else:
                waiting += missing
        return self._commits[tip]

    def _rewritten(self, oid: Oid) -> Oid:
        commit = self._objects.commit(oid)
        tree = self._tree(commit.tree) or self._store("tree", b"")
        parents = [self._commits[parent] for parent in commit.parents]
        if tree == commit.tree and tuple(parents) == commit.parents:
            return oid
        head, _, message = self._objects.read(oid)[1].partition(b"\n\n")
        lines = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
        lines += [line for line in _unsigned(head) if not line.startswith((b"tree ", b"parent "))]
        return self._store("commit", b"\n".join(lines) + b"\n\n" + message)

    def _tree(self, oid: Oid) -> Oid | None:
        """None for a folder of which nothing is left."""
        if oid not in self._trees:
            entries = self._objects.tree(oid)
            kept = [entry for entry in map(self._entry, entries) if entry is not None]
            if kept == entries:
                self._trees[oid] = oid
            else:
                self._trees[oid] = self._store("tree", build_tree(kept)) if kept else None
        return self._trees[oid]

    def _entry(self, entry: TreeEntry) -> TreeEntry | None:
        if entry.mode != MODE_TREE:
            return None if entry.oid in self._unwanted else entry
        tree = self._tree(entry.oid)
        return None if tree is None else entry._replace(oid=tree)

    def _store(self, kind: str, data: bytes) -> Oid:
        self.new.append((kind, data))
        return object_id(kind, data)


def _unsigned(head: bytes) -> list[bytes]:
    """The header's lines without its signatures, which go on over lines that begin with a space."""
    kept, dropping = list[bytes](), False
    for line in head.split(b"\n"):
        dropping = line.startswith((b"gpgsig ", b"gpgsig-sha256 ")) or (dropping and line.startswith(b" "))
        if not dropping:
            kept.append(line)
    return kept
