"""Tensors as a tree of the parts of their names, as much of it as a page holds: what is larger comes when it is opened."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pioche.web.repo.tensors import Tensor, Tensors

ROWS_MAX = 1_500
"""So many tensors are in a page at once; folders that have more are told about, and have a page each."""
FOUND_MAX = 500
_DEPTH_MAX = 24


@dataclass(slots=True)
class Folder:
    """`prefix` is what the names of all its tensors begin with, `name` the part of it that is shown here. `rows` is None
    where the folder is too large for this page."""

    name: str
    prefix: str
    count: int
    parameters: int
    size: int
    rows: "list[Row] | None" = None


@dataclass(frozen=True, slots=True)
class Leaf:
    """One tensor, by the rest of its name."""

    name: str
    tensor: Tensor


Row = Folder | Leaf


@dataclass(frozen=True, slots=True)
class Shown:
    """`whole` is the sum over what was asked for; `whole_file` names the index where only a part of it is shown."""

    path: str
    parts: list[str]
    whole_file: str
    whole: Folder
    prefix: str
    search: str
    rows: list[Row]

    @property
    def is_cut(self) -> bool:
        return bool(self.search) and self.whole.count > FOUND_MAX


def show(tensors: Tensors, *, whole_file: str, prefix: str, search: str) -> Shown:
    """The tensors whose names begin with `prefix` and have `search` in them: found ones as a list, else as a tree."""
    wanted = search.lower()
    found = [one for one in tensors.all if one.name.startswith(prefix) and wanted in one.name.lower()]
    rows = _listed(found) if search else _Tree(ROWS_MAX).rows(found, len(prefix), 0)
    whole = _folder("", prefix, found)
    return Shown(tensors.path, tensors.parts, whole_file, whole, prefix, search, rows)


def _listed(found: Sequence[Tensor]) -> list[Row]:
    return [Leaf(one.name, one) for one in found[:FOUND_MAX]]


class _Tree:
    """`left`: how many tensors still fit into the page."""

    def __init__(self, left: int) -> None:
        self.left = left

    def rows(self, found: Sequence[Tensor], skip: int, depth: int) -> list[Row]:
        """One row for each next part of the names, which begin to differ at `skip`."""
        by_part = dict[str, list[Tensor]]()
        made = list[Row]()
        for one in found:
            part, dot, _rest = one.name[skip:].partition(".")
            by_part.setdefault(part + dot if depth < _DEPTH_MAX else one.name[skip:], []).append(one)
        for part in sorted(by_part, key=_in_order):
            inside = by_part[part]
            if len(inside) == 1:
                made.append(Leaf(inside[0].name[skip:], inside[0]))
                self.left -= 1
            else:
                made.append(self._inside(inside, skip, depth))
        return made

    def _inside(self, found: Sequence[Tensor], skip: int, depth: int) -> Folder:
        end = _common_end(found, skip)
        prefix = found[0].name[:end]
        folder = _folder(prefix[skip:].removesuffix("."), prefix, found)
        if len(found) <= self.left:
            folder.rows = self.rows(found, end, depth + 1)
        return folder


def _folder(name: str, prefix: str, found: Iterable[Tensor]) -> Folder:
    folder = Folder(name, prefix, 0, 0, 0)
    for one in found:
        folder.count += 1
        folder.parameters += one.parameters
        folder.size += one.size
    return folder


def _common_end(found: Sequence[Tensor], skip: int) -> int:
    """Where the parts end that all these names share: a folder that has one folder alone is shown with it, as `a.b`.

    The names are sorted, so that what the first and the last share is shared by all.
    """
    first, last = found[0].name, found[-1].name
    end = skip
    while (dot := first.find(".", end)) >= 0 and last.startswith(first[: dot + 1]):
        end = dot + 1
    return end


def _in_order(part: str) -> tuple[int, int, str]:
    """Layer 10 comes after layer 9."""
    text = part.removesuffix(".")
    is_number = text.isascii() and text.isdigit() and len(text) < 10
    return (0, int(text), part) if is_number else (1, 0, part)
