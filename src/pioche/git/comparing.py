"""What differs between two commits: which files, renames found, and the changed lines of some of them.

The git program does the work, stopped at a time and a size: a hostile or huge difference costs this process nothing but a
collapsed file on a page.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from pioche.git import program
from pioche.git.history import Objects
from pioche.git.objects import EMPTY_TREE
from pioche.names import NULL_OID, Oid

_LIST_BYTES_MAX = 32 * 2**20
_LIST_TIMEOUT_S = 10
_PATCH_TIMEOUT_S = 15
_RENAMES_MAX = 500
"""Renames with changes are looked for among at most so many files on each side: each pair is compared."""

_SECTION = re.compile(rb"^diff --git ", re.MULTILINE)
_INDEX = re.compile(rb"^index ([0-9a-f]{40})\.\.([0-9a-f]{40})", re.MULTILINE)
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)", re.DOTALL)


class Delta(NamedTuple):
    """One file that differs. `status`: A added, D removed, M changed, T another kind of entry, R renamed.

    `similarity` in percent, of a rename. The side on which there is no file has mode 0 and a null oid.
    """

    status: str
    old_path: str
    path: str
    old_mode: int
    mode: int
    old_oid: Oid
    oid: Oid
    similarity: int


class Line(NamedTuple):
    """`kind` is `+`, `-`, a blank (unchanged), or a backslash (git's remark that the file ends without a newline)."""

    kind: str
    old: int
    """The line's number on the old side, from 1; 0 where it is not there."""
    new: int
    text: str


class Hunk(NamedTuple):
    """`heading` is the line that git thinks names the place, such as the function's first one."""

    heading: str
    lines: list[Line]


class Patch(NamedTuple):
    """The changed lines of one file. `is_cut`: there are more, past the limits. Binary files have none to show."""

    hunks: list[Hunk]
    is_binary: bool
    is_cut: bool


class Showing(NamedTuple):
    """How a patch is made: unchanged lines around each change, whether blanks count, and where to stop."""

    context: int = 3
    ignores_blanks: bool = False
    bytes_max: int = 4 * 2**20
    lines_max: int = 1500
    characters_max: int = 2000


def deltas(objects: Objects, old: Oid | None, new: Oid) -> list[Delta]:
    """In git's order of paths; `old` None is nothing at all. When looking for renames takes too long, none are found."""
    trees = [objects.commit(old).tree if old else EMPTY_TREE, objects.commit(new).tree]
    common = ["diff-tree", "--raw", "-z", "-r", "--no-abbrev"]
    with objects.snapshot() as git_dir:
        try:
            renames = [*common, "-M", f"-l{_RENAMES_MAX}", *trees]
            data = program.first_bytes(git_dir, renames, _LIST_BYTES_MAX, timeout_s=_LIST_TIMEOUT_S)
        except program.GitTooSlow:
            plain = [*common, "--no-renames", *trees]
            data = program.first_bytes(git_dir, plain, _LIST_BYTES_MAX, timeout_s=_LIST_TIMEOUT_S)
    return list(_deltas(data))


def _deltas(data: bytes) -> Iterator[Delta]:
    """`:100644 100644 <oid> <oid> R086 NUL old NUL new NUL`, one path where it was not renamed."""
    fields = iter(data.split(b"\0")[:-1])  # what follows the last NUL is nothing, or a record that was cut
    for head in fields:
        old_mode, mode, old_oid, oid, status = head.decode("ascii").lstrip(":").split(" ")
        paths = [_text(path) for path in islice(fields, 2 if status[0] == "R" else 1)]
        if not paths:
            return
        yield Delta(
            status[0], paths[0], paths[-1], int(old_mode, 8), int(mode, 8), Oid(old_oid), Oid(oid), int(status[1:] or 0)
        )


def patches(objects: Objects, old: Oid | None, new: Oid, wanted: Sequence[Delta], showing: Showing) -> dict[str, Patch]:
    """The changed lines of those of `wanted` that fit the limits, by path; the others are left out."""
    paths = {path for delta in wanted for path in (delta.old_path, delta.path)}
    if not paths:
        return {}
    arguments = ["--literal-pathspecs", "diff-tree", "-p", "-r", "-M", f"-l{_RENAMES_MAX}", "--full-index"]
    arguments += ["--no-ext-diff", "--no-textconv", f"-U{showing.context}", "--no-color"]
    arguments += ["-w"] if showing.ignores_blanks else []
    arguments += [objects.commit(old).tree if old else EMPTY_TREE, objects.commit(new).tree, "--", *sorted(paths)]
    with objects.snapshot() as git_dir:
        try:
            data = program.first_bytes(git_dir, arguments, showing.bytes_max, timeout_s=_PATCH_TIMEOUT_S)
        except program.GitTooSlow:
            return {}
    sections = _sections(data, is_whole=len(data) < showing.bytes_max)
    return _matched(wanted, sections, showing)


def _sections(data: bytes, *, is_whole: bool) -> dict[tuple[Oid, Oid], list[bytes]]:
    """The part of each file, by what it went from and to: names are quoted in many ways, ids are not."""
    starts = [found.start() for found in _SECTION.finditer(data)]
    pieces = [data[start:end] for start, end in pairwise([*starts, len(data)])]
    sections = dict[tuple[Oid, Oid], list[bytes]]()
    for piece in pieces if is_whole else pieces[:-1]:
        found = _INDEX.search(piece.partition(b"\n@@ ")[0])
        if found:
            sections.setdefault((Oid(found[1].decode()), Oid(found[2].decode())), []).append(piece)
    return sections


def _matched(
    wanted: Sequence[Delta], sections: dict[tuple[Oid, Oid], list[bytes]], showing: Showing
) -> dict[str, Patch]:
    patches = dict[str, Patch]()
    for delta in wanted:
        pairs = [(delta.old_oid, delta.oid)]
        if delta.status == "T":  # git writes a removal and an addition
            pairs = [(delta.old_oid, NULL_OID), (NULL_OID, delta.oid)]
        parts = [sections[pair].pop(0) for pair in pairs if sections.get(pair)]
        if parts or delta.old_oid == delta.oid or showing.ignores_blanks:
            patches[delta.path] = _patch(parts, showing)
    return patches


def _patch(parts: Iterable[bytes], showing: Showing) -> Patch:
    hunks, count = list[Hunk](), 0
    is_binary = False
    for part in parts:
        head, has_hunks, body = part.partition(b"\n@@ ")
        is_binary = is_binary or b"\nBinary files " in head or b"\nGIT binary patch" in head
        for hunk in _hunks("@@ " + body.decode("utf-8", "replace") if has_hunks else "", showing.characters_max):
            room = showing.lines_max - count
            count += len(hunk.lines)
            if count > showing.lines_max:
                return Patch([*hunks, Hunk(hunk.heading, hunk.lines[:room])], is_binary, is_cut=True)
            hunks.append(hunk)
    return Patch(hunks, is_binary, is_cut=False)


def _hunks(text: str, characters_max: int) -> Iterator[Hunk]:
    """Only a newline ends a line of a patch: the other separators that Python knows are text."""
    hunk, old, new = Hunk("", []), 0, 0
    for raw in text.removesuffix("\n").split("\n") if text else ():
        if found := _HUNK.match(raw):
            if hunk.lines:
                yield hunk
            hunk, old, new = Hunk(found[5][:200], []), int(found[1]), int(found[3])
            continue
        kind, line = raw[:1] or " ", raw[1:].removesuffix("\r")
        shown = line if len(line) <= characters_max else line[:characters_max] + "…"
        on_old, on_new = kind in " -", kind in " +"
        hunk.lines.append(Line(kind, old if on_old else 0, new if on_new else 0, shown))
        old, new = old + on_old, new + on_new
    if hunk.lines:
        yield hunk


def commits_between(objects: Objects, old: Oid, new: Oid, limit: int) -> list[Oid]:
    """The newest of those that `new` reaches and `old` does not. Raises GitTooSlow."""
    arguments = ["rev-list", f"--max-count={limit}", new, f"^{old}"]
    with objects.snapshot() as git_dir:
        data = program.first_bytes(git_dir, arguments, _LIST_BYTES_MAX, timeout_s=_LIST_TIMEOUT_S)
    return [Oid(line) for line in data.decode("ascii").split()]


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
