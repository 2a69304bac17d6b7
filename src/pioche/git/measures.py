"""How large a tree is when it is unfolded, without unfolding it.

Ten trees that each hold the next one ten times are a few hundred bytes and ten thousand million files: whoever lists
them falls over. Each tree object is measured once, from the measures of what is in it, and remembered.
"""

from collections import OrderedDict
from typing import NamedTuple

from pioche.git.reading import Reader
from pioche.names import Oid

_REMEMBERED_MAX = 100_000


class Measure(NamedTuple):
    """Of everything below a tree: files, levels of folders, and bytes of the longest path."""

    files: int
    depth: int
    path_bytes: int


_memory: OrderedDict[Oid, Measure] = OrderedDict()


def measure(objects: Reader, root: Oid) -> Measure:
    """Cost: one look at each tree object that was not seen before. Any depth; numbers may be astronomical."""
    known: dict[Oid, Measure] = {}
    pending = [root]
    while pending:
        tree = pending[-1]
        entries = objects.tree(tree)
        missing = [entry.oid for entry in entries if entry.is_tree and _recall(entry.oid, known) is None]
        if missing:
            pending += missing
            continue
        pending.pop()
        total, depth, longest = 0, 0, 0
        for entry in entries:
            inside = known[entry.oid] if entry.is_tree else Measure(1, -1, -1)
            total += inside.files
            depth = max(depth, inside.depth + 1)
            name_bytes = len(entry.name.encode("utf-8", "surrogateescape"))
            longest = max(longest, name_bytes + 1 + inside.path_bytes)
        known[tree] = Measure(total, depth, longest)
        _remember(tree, known[tree])
    return known[root]


def _recall(tree: Oid, known: dict[Oid, Measure]) -> Measure | None:
    """Trees are named by their content, so what was measured in one repo holds in all."""
    found = known.get(tree)
    if found is None and (found := _memory.get(tree)) is not None:
        known[tree] = found
    return found


def _remember(tree: Oid, measure: Measure) -> None:
    _memory[tree] = measure
    while len(_memory) > _REMEMBERED_MAX:
        _memory.popitem(last=False)
