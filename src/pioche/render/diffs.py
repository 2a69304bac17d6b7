"""What changed between two texts: libgit2 finds the lines, we mark the words."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

import pygit2
from pygit2.enums import DiffOption

from pioche.render.escaping import escape_code
from pioche.render.results import Diff, DiffLine, Hunk, LineKind

LINES_MAX = 3_000
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_MARKED_CHARACTERS_MAX = 400
_MARKED_LINES_MAX = 400
_LINE_CHARACTERS_MAX = 5_000
_COMPARED_MAX = 2_500  # pairs of lines
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
    before, after = [_shown(line[3]) for line in removed], [_shown(line[3]) for line in added]
    old, new = [escape_code(text) for text in before], [escape_code(text) for text in after]
    if max(len(removed), len(added)) <= _MARKED_LINES_MAX:
        for i, j in _pairs(before, after):
            old[i], new[j] = _marked(before[i], after[j]) or (old[i], new[j])
    for line, html in zip(removed, old, strict=True):
        yield DiffLine(LineKind.REMOVED, line[1], None, html)
    for line, html in zip(added, new, strict=True):
        yield DiffLine(LineKind.ADDED, None, line[2], html)


def _pairs(before: Sequence[str], after: Sequence[str]) -> Iterable[tuple[int, int]]:
    """Which removed line became which added one: in order, and where some came or went, those that are most alike."""
    if len(before) == len(after) or len(before) * len(after) > _COMPARED_MAX:
        return zip(range(len(before)), range(len(after)), strict=False)
    old, new = [_bag(line) for line in before], [_bag(line) for line in after]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]  # of the lines from (i, j) on
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + _likeness(old[i], new[j]))
    return _walk(best)


def _walk(best: list[list[float]]) -> Iterator[tuple[int, int]]:
    i = j = 0
    while i < len(best) - 1 and j < len(best[0]) - 1:
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            yield i, j
            i, j = i + 1, j + 1


def _bag(line: str) -> Counter[str]:
    return Counter(word for word in _WORDS.findall(line[:_MARKED_CHARACTERS_MAX]) if not word.isspace())


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    """0 to 1, and 0 where marking words would only confuse."""
    found = 2 * (one & other).total() / (one.total() + other.total() or 1)
    return found if found >= _ALIKE else 0.0


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
