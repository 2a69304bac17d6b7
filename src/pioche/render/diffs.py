"""What changed between two texts: libgit2 finds the lines, we mark the words."""

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from itertools import zip_longest

import pygit2
from pygit2.enums import DiffOption

from pioche.render.escaping import escape_code
from pioche.render.results import Diff, DiffLine, Hunk, LineKind

LINES_MAX = 3_000
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_MARKED_CHARACTERS_MAX = 400
_MARKED_LINES_MAX = 400
_LINE_CHARACTERS_MAX = 5_000
_ALIKE = 0.4  # below, two lines are two lines and marking their words only confuses
_Raw = tuple[str, int, int, str]


def diff(old: bytes, new: bytes, *, context: int, ignores_space: bool) -> Diff:
    flags = DiffOption.IGNORE_WHITESPACE if ignores_space else DiffOption.NORMAL
    patch = pygit2.Patch.create_from(old, new, flag=flags, context_lines=context, interhunk_lines=1)
    if patch.delta.is_binary:
        return Diff([], is_binary=True)
    _, added, removed = patch.line_stats
    hunks, left = list[Hunk](), LINES_MAX
    for hunk in patch.hunks:
        lines = [(line.origin, line.old_lineno, line.new_lineno, line.content) for line in hunk.lines]
        shown = list(_lines(lines[:left]))
        hunks.append(Hunk(hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines, shown))
        left -= len(lines)
        if left <= 0:
            return Diff(hunks, added, removed, is_cut=left < 0 or hunk is not patch.hunks[-1])
    return Diff(hunks, added, removed)


def _lines(raw: Iterable[_Raw]) -> Iterator[DiffLine]:
    """Runs of removed and added lines belong together: their words are compared pairwise."""
    removed, added = list[_Raw](), list[_Raw]()
    for line in raw:
        if line[0] == "-" and not added:
            removed.append(line)
        elif line[0] == "+":
            added.append(line)
        else:
            yield from _changed(removed, added)
            removed, added = ([line], []) if line[0] == "-" else ([], [])
            if line[0] == " ":
                yield DiffLine(LineKind.SAME, line[1], line[2], escape_code(_shown(line[3])))
    yield from _changed(removed, added)


def _changed(removed: list[_Raw], added: list[_Raw]) -> Iterator[DiffLine]:
    marked: list[tuple[str, str] | None] = []
    if removed and added and max(len(removed), len(added)) <= _MARKED_LINES_MAX:
        marked = [_marked(_shown(old[3]), _shown(new[3])) for old, new in zip(removed, added, strict=False)]
    for line, pair in zip_longest(removed, marked[: len(removed)]):
        yield DiffLine(LineKind.REMOVED, line[1], None, pair[0] if pair else escape_code(_shown(line[3])))
    for line, pair in zip_longest(added, marked[: len(added)]):
        yield DiffLine(LineKind.ADDED, None, line[2], pair[1] if pair else escape_code(_shown(line[3])))


def _shown(text: str) -> str:
    text = text.rstrip("\r\n")
    return text if len(text) <= _LINE_CHARACTERS_MAX else text[:_LINE_CHARACTERS_MAX] + " …"


def _marked(old: str, new: str) -> tuple[str, str] | None:
    """Both lines with their differing words marked; None when they have little in common."""
    if max(len(old), len(new)) > _MARKED_CHARACTERS_MAX:
        return None
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return None
    left, right = list[str](), list[str]()
    for kind, i, j, k, m in matcher.get_opcodes():
        a, b = escape_code("".join(before[i:j])), escape_code("".join(after[k:m]))
        same = kind == "equal"
        left.append(a if same or not a else f"<del>{a}</del>")
        right.append(b if same or not b else f"<ins>{b}</ins>")
    return "".join(left), "".join(right)
