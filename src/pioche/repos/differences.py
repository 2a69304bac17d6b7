"""What changed between two commits, a page of files at a time, for people to read.

Files too large to show at once are collapsed (their `patch` is None) and can be asked for alone. Large files are compared
by what their pointers say.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pioche.errors import EntryNotFound, RevisionNotFound
from pioche.git import comparing
from pioche.git.comparing import Delta, Line, Patch, Showing
from pioche.git.objects import MODE_GITLINK, Commit, TreeEntry
from pioche.names import Oid
from pioche.repos import files, revisions
from pioche.repos.access import Repo
from pioche.repos.files import Entry
from pioche.repos.revisions import Revision

FILES_SHOWN = 50
_SHOWN_BYTES_MAX = 512 * 1024
"""A text file larger than this, on either side, is collapsed until somebody asks for it."""
_SHOWN_LINES_MAX = 4000
_ALONE = Showing(bytes_max=8 * 2**20, lines_max=20_000)
_COMMITS_SHOWN = 250


@dataclass(frozen=True, slots=True)
class FileChange:
    """`old` and `new` are the entries on both sides, None where there is none. `patch` None: collapsed."""

    delta: Delta
    old: Entry | None
    new: Entry | None
    patch: Patch | None

    @property
    def is_large(self) -> bool:
        """Kept as a large file on either side: what git has is a pointer."""
        return any(side is not None and side.sha256 is not None for side in (self.old, self.new))

    @property
    def added(self) -> int:
        return self._count("+")

    @property
    def removed(self) -> int:
        return self._count("-")

    def _count(self, kind: str) -> int:
        return sum(line.kind == kind for hunk in (self.patch.hunks if self.patch else ()) for line in hunk.lines)


@dataclass(frozen=True, slots=True)
class Difference:
    """`old` None: the first commit, which everything in it is new to. `total` counts the files on all pages."""

    old: Oid | None
    new: Oid
    files: list[FileChange]
    total: int

    @property
    def added(self) -> int:
        return sum(change.added for change in self.files)

    @property
    def removed(self) -> int:
        return sum(change.removed for change in self.files)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two revisions side by side. `commits` are the newest that the second has and the first has not."""

    first: Revision
    second: Revision
    commits: list[Commit]
    are_more: bool
    difference: Difference


def of_commit(repo: Repo, commit: Commit, *, page: int = 0, only: str | None = None, showing: Showing) -> Difference:
    """What a commit changed, against its first parent. Raises EntryNotFound where `only` names no file of it."""
    old = commit.parents[0] if commit.parents else None
    return between(repo, old, commit.oid, page=page, only=only, showing=showing)


def between(
    repo: Repo, old: Oid | None, new: Oid, *, page: int = 0, only: str | None = None, showing: Showing
) -> Difference:
    """`page` from 0; with `only`, one file with as much of it as can be shown at all."""
    deltas = comparing.deltas(repo.objects, old, new)
    if only is None:
        return Difference(old, new, _changes(repo, old, new, _page(deltas, page), showing), len(deltas))
    wanted = [delta for delta in deltas if delta.path == only]
    if not wanted:
        raise EntryNotFound(f"{only[:200]} is not among the files that changed", commit=new)
    alone = _ALONE._replace(context=showing.context, ignores_blanks=showing.ignores_blanks)
    return Difference(old, new, _changes(repo, old, new, wanted, alone), len(deltas))


def _page(deltas: list[Delta], page: int) -> list[Delta]:
    return deltas[page * FILES_SHOWN : (page + 1) * FILES_SHOWN]


def _changes(repo: Repo, old: Oid | None, new: Oid, deltas: list[Delta], showing: Showing) -> list[FileChange]:
    sides = list(_sides(repo, deltas))
    bytes_max = showing.bytes_max if showing.lines_max >= _ALONE.lines_max else _SHOWN_BYTES_MAX
    changes = [FileChange(delta, *side, None) for delta, side in zip(deltas, sides, strict=True)]
    wanted = [change.delta for change in changes if not change.is_large and _largest(change) <= bytes_max]
    patches = comparing.patches(repo.objects, old, new, wanted, showing)
    shown, found = 0, list[FileChange]()
    for change in changes:
        patch = patches.get(change.delta.path)
        count = sum(len(hunk.lines) for hunk in patch.hunks) if patch else 0
        if showing.lines_max < _ALONE.lines_max and (shown + count > _SHOWN_LINES_MAX or (patch and patch.is_cut)):
            patch = None
        else:
            shown += count
        found.append(replace(change, patch=patch))
    return found


def _sides(repo: Repo, deltas: list[Delta]) -> Iterator[tuple[Entry | None, Entry | None]]:
    """The entries before and after, with the sizes of large files; described together, which costs one look-up."""
    rows = list[tuple[str, TreeEntry]]()
    for delta in deltas:
        rows += [(delta.old_path, TreeEntry(delta.old_mode, "", delta.old_oid))] if delta.old_mode else []
        rows += [(delta.path, TreeEntry(delta.mode, "", delta.oid))] if delta.mode else []
    entries = iter(files.describe(repo, rows))
    for delta in deltas:
        yield (next(entries) if delta.old_mode else None), (next(entries) if delta.mode else None)


def _largest(change: FileChange) -> int:
    return max((side.size for side in (change.old, change.new) if side and side.mode != MODE_GITLINK), default=0)


# --- two revisions ----------------------------------------------------------------------------------------------------


def compare(
    repo: Repo,
    text: str,
    *,
    page: int = 0,
    only: str | None = None,
    showing: Showing,
) -> Comparison:
    """`a..b` compares the two as they are, `a...b` from where they parted. Raises RevisionNotFound."""
    first, dots, second = _parts(text)
    old, new = revisions.resolve_sync(repo, first), revisions.resolve_sync(repo, second)
    base = (repo.objects.merge_base(old.commit, new.commit) or old.commit) if dots == "..." else old.commit
    oids = comparing.commits_between(repo.objects, old.commit, new.commit, _COMMITS_SHOWN + 1)
    difference = between(repo, base, new.commit, page=page, only=only, showing=showing)
    commits = [repo.objects.commit(oid) for oid in oids[:_COMMITS_SHOWN]]
    return Comparison(old, new, commits, len(oids) > _COMMITS_SHOWN, difference)


def _parts(text: str) -> tuple[str, str, str]:
    """No ref has two dots in its name (git-check-ref-format), so the first two part the revisions."""
    first, dots, second = text.partition("..")
    if not dots or not first or not second.lstrip("."):
        raise RevisionNotFound(text)
    return first, "..." if second.startswith(".") else "..", second.removeprefix(".")


# --- what changed within a line -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """A line before beside the line after. `marked` are the [start, end) that differ within each; empty where all does."""

    old: Line | None
    new: Line | None
    old_marked: tuple[int, int] = (0, 0)
    new_marked: tuple[int, int] = (0, 0)


def side_by_side(lines: list[Line]) -> list[Pair]:
    """A block of removed lines is put beside the block of added ones that follows it."""
    pairs, removed, added = list[Pair](), list[Line](), list[Line]()

    def flush() -> None:
        both = min(len(removed), len(added))
        pairs.extend(_pair(old, new) for old, new in zip(removed[:both], added[:both], strict=True))
        pairs.extend(Pair(line, None) for line in removed[both:])
        pairs.extend(Pair(None, line) for line in added[both:])
        removed.clear()
        added.clear()

    for line in lines:
        if line.kind == "-":
            if added:
                flush()
            removed.append(line)
        elif line.kind == "+":
            added.append(line)
        elif line.kind == " ":
            flush()
            pairs.append(Pair(line, line))
    flush()
    return pairs


def _pair(old: Line, new: Line) -> Pair:
    """What both begin with and end with, to whole words, is what did not change. In linear time, whatever the lines are."""
    a, b = old.text, new.text
    most = min(len(a), len(b))
    start = 0
    while start < most and a[start] == b[start]:
        start += 1
    while start and a[start - 1].isalnum():
        start -= 1
    end = 0
    while end < most - start and a[-1 - end] == b[-1 - end]:
        end += 1
    while end and a[-end].isalnum():
        end -= 1
    if not start and not end:
        return Pair(old, new)
    return Pair(old, new, (start, len(a) - end), (start, len(b) - end))
