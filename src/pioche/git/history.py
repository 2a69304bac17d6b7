"""History on top of the objects: log, counts, ancestry, patches, and which commit last touched a path."""

import heapq
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pygit2

from pioche.errors import Corrupt
from pioche.git import program
from pioche.git.objects import EMPTY_TREE, Commit, NewObject
from pioche.git.reading import Reader
from pioche.git.snapshot import Snapshot
from pioche.names import Oid

_COUNTS_KEPT = 4096
_PATCH_TIMEOUT_S = 30


class Objects(Reader):
    """All that can be asked of a repo's objects. Thread-safe."""

    def __init__(self, path: Path, seed: Mapping[Oid, NewObject], *, scratch: Path) -> None:
        super().__init__(path, seed)
        self._scratch = scratch
        self._counts: dict[Oid, int] = {}

    @contextmanager
    def snapshot(self) -> Iterator[Path]:
        """A throw-away git directory over these objects, for the git program to read from; it names no ref."""
        with Snapshot(self._scratch, self.path, self.seed, is_for_reading=True) as snapshot:
            yield snapshot.path

    def log(self, oid: Oid, *, skip: int = 0, limit: int | None = None) -> Iterator[Commit]:
        """The commits reachable from `oid`, newest first; never a parent before the child that led to it."""
        end = None if limit is None else skip + limit
        for place, commit in enumerate(self._newest_first(oid)):
            if end is not None and place >= end:
                return
            if place >= skip:
                yield commit

    def _newest_first(self, oid: Oid) -> Iterator[Commit]:
        order = itertools.count()
        queue, seen = [_queued(self.commit(oid), next(order))], {oid}
        while queue:
            commit = heapq.heappop(queue)[2]
            yield commit
            for parent in commit.parents:
                if parent not in seen:
                    seen.add(parent)
                    heapq.heappush(queue, _queued(self.commit(parent), next(order)))

    def count(self, oid: Oid) -> int:
        """How many commits are reachable from `oid`, itself included. Remembered: the next commit's is quick."""
        known = self._counts.get(oid)
        if known is None:
            parents = self.commit(oid).parents
            before = self._counts.get(parents[0]) if len(parents) == 1 else None
            known = before + 1 if before is not None else self._count_all(oid)
            if len(self._counts) >= _COUNTS_KEPT:
                self._counts.clear()
            self._counts[oid] = known
        return known

    def _count_all(self, oid: Oid) -> int:
        with self._lock:
            try:
                return sum(1 for _ in self._repo.walk(oid))
            except (pygit2.GitError, KeyError) as error:
                raise Corrupt(f"The history of {oid} cannot be read: {error}") from error

    def expand_short(self, prefix: str) -> list[Oid]:
        """The commits whose id begins with `prefix` (hex digits): none, one, or all that share it."""
        with self._lock:
            self._look_again()
            try:
                candidates = [str(self._repo.expand_id(prefix))]
            except KeyError:
                return []
            except ValueError:  # several objects share the prefix
                candidates = [text for oid in self._odb if (text := str(oid)).startswith(prefix)]
        return [Oid(oid) for oid in sorted(set(candidates)) if self.kind(Oid(oid)) == "commit"]

    def is_ancestor(self, ancestor: Oid, descendant: Oid) -> bool:
        """True as well when both are the same commit. Raises ObjectMissing when either is not there."""
        for oid in (ancestor, descendant):
            self.commit(oid)
        with self._lock:
            try:
                return ancestor == descendant or bool(self._repo.descendant_of(descendant, ancestor))
            except pygit2.GitError as error:
                raise Corrupt(f"The history of {descendant} cannot be read: {error}") from error

    def merge_base(self, one: Oid, other: Oid) -> Oid | None:
        """The best common ancestor, or None for unrelated histories. Raises ObjectMissing when either is not there."""
        for oid in (one, other):
            self.commit(oid)  # which looks again at the folder when it does not know one
        if one == other:
            return one
        with self._lock:
            try:
                found = self._repo.merge_base(one, other)
            except pygit2.GitError as error:
                raise Corrupt(f"the history of {one} or {other} cannot be read: {error}") from error
        return Oid(str(found)) if found is not None else None

    def ahead(self, base: Oid, head: Oid, *, limit: int) -> list[Commit]:
        """The commits that `head` has and `base` has not, no parent before its child; at most `limit`."""
        for oid in (base, head):
            self.commit(oid)
        with self._lock:
            try:
                walk = self._repo.walk(head, pygit2.enums.SortMode.TOPOLOGICAL | pygit2.enums.SortMode.TIME)
                walk.hide(base)
                found = [Oid(str(commit.id)) for commit in itertools.islice(walk, limit)]
            except (pygit2.GitError, KeyError) as error:
                raise Corrupt(f"The history of {base} or {head} cannot be read: {error}") from error
        return [self.commit(oid) for oid in found]

    def patch(self, old: Oid | None, new: Oid, limit_bytes: int) -> str:
        """The change between two commits as unified diff text, renames found; `old` None is nothing at all.

        Text past `limit_bytes` is cut off. Binary files say so in one line. Made by the git program, so that a huge
        change costs this process no time.
        """
        old_tree = self.commit(old).tree if old else EMPTY_TREE
        arguments = ["diff-tree", "-p", "-r", "-M", "-l500", "--no-ext-diff", "--no-textconv", "--full-index"]
        arguments += ["--end-of-options", old_tree, self.commit(new).tree]
        with self.snapshot() as git_dir:
            data = program.first_bytes(git_dir, arguments, limit_bytes, timeout_s=_PATCH_TIMEOUT_S)
        return data.decode("utf-8", "replace")

    def last_commits(self, tip: Oid, paths: set[str], stop: Oid | None = None) -> dict[str, Oid]:
        """For each path (file or folder) the commit that last touched it, walking from `tip`.

        A merge is followed into the first parent that has the same content, as `git log` does; it counts as touching a
        path only when it differs from all its parents. The walk ends at `stop`: paths untouched since are left out.
        """
        found: dict[str, Oid] = {}
        pending = {tip: set(paths)}
        order = itertools.count()
        queue = [_queued(self.commit(tip), next(order))]
        while queue:
            commit = heapq.heappop(queue)[2]
            wanted = pending.pop(commit.oid, set())
            if commit.oid == stop or not wanted:
                continue
            for parent in commit.parents:
                touched = wanted & self._touched(self.commit(parent).tree, commit.tree)
                if untouched := wanted - touched:
                    pending.setdefault(parent, set()).update(untouched)
                    heapq.heappush(queue, _queued(self.commit(parent), next(order)))
                wanted = touched
            found.update(dict.fromkeys(wanted, commit.oid))
        return found

    def _touched(self, old_tree: Oid, new_tree: Oid) -> set[str]:
        """Every file that differs and every folder above one."""
        touched: set[str] = set()
        for delta in self._deltas(old_tree, new_tree):
            path = (delta.new_file.raw_path or delta.old_file.raw_path).decode("utf-8", "surrogateescape")
            while path and path not in touched:
                touched.add(path)
                path = path.rpartition("/")[0]
        return touched


def _queued(commit: Commit, order: int) -> tuple[int, int, Commit]:
    """Newest first; `order` settles ties so that commits themselves are never compared."""
    return (-commit.committer.at, order, commit)
