"""Editing a tree: only the folders on the way to a change are read and written."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pioche.errors import Unprocessable
from pioche.git.objects import MODE_TREE, NewObject, TreeEntry, build_tree, object_id
from pioche.git.reading import Reader
from pioche.names import Oid

DEPTH_MAX = 200
"""Folders inside one another. Deeper trees would exhaust the stack of many a client."""

Edit = tuple[int, Oid] | None
"""What a path becomes: the mode and blob of a file, or None to remove the file or the whole folder."""


@dataclass(slots=True)
class _Folder:
    """The changes below one folder."""

    removed: set[str] = field(default_factory=set)
    files: dict[str, tuple[int, Oid]] = field(default_factory=dict)
    folders: "dict[str, _Folder]" = field(default_factory=dict)

    def adds(self) -> Iterator[str]:
        yield from self.files
        for name, folder in self.folders.items():
            yield from (f"{name}/{below}" for below in folder.adds())


def edit(
    objects: Reader, root: Oid | None, changes: Mapping[str, Edit], removed: Iterable[str] = ()
) -> tuple[Oid, list[NewObject]]:
    """The root tree after `changes`, and the tree objects that are new (the blobs are the caller's to store).

    `removed` are files and whole folders that go before anything else: a path may be removed and made anew. Folders that
    become empty vanish. Removing what is not there changes nothing. Raises Unprocessable, naming the path, for a file
    where a folder stands, or the reverse, unless the same changes remove what is in the way.
    """
    new: list[NewObject] = []
    entries = _apply(objects, root, _nest(changes, removed), "", new)
    return _store(root, entries, new), new


def _nest(changes: Mapping[str, Edit], removed: Iterable[str]) -> _Folder:
    top = _Folder()
    for path in removed:
        folder, name = _place(top, path)
        folder.removed.add(name)
    for path, change in changes.items():
        folder, name = _place(top, path)
        if change is None:
            folder.removed.add(name)
        else:
            folder.files[name] = change
    return top


def _place(top: _Folder, path: str) -> tuple[_Folder, str]:
    *parents, name = path.split("/")
    if len(parents) > DEPTH_MAX:
        raise Unprocessable(f"Invalid path {path[:200]!r}: more than {DEPTH_MAX} folders inside one another")
    folder = top
    for parent in parents:
        folder = folder.folders.setdefault(parent, _Folder())
    return folder, name


def _apply(
    objects: Reader, oid: Oid | None, changes: _Folder, prefix: str, new: list[NewObject]
) -> dict[str, TreeEntry]:
    """Removals first, then what happens inside folders, then new files: so a change may make room for another."""
    entries = {entry.name: entry for entry in objects.tree(oid)} if oid else {}
    for name in changes.removed:
        entries.pop(name, None)
    for name, folder in changes.folders.items():
        _apply_folder(objects, entries, name, folder, prefix, new)
    for name, (mode, oid_) in changes.files.items():
        standing = entries.get(name)
        if standing is not None and standing.is_tree:
            raise Unprocessable(f"A folder stands at {prefix + name!r}: it cannot also be a file")
        entries[name] = TreeEntry(mode, name, oid_)
    return entries


def _apply_folder(
    objects: Reader, entries: dict[str, TreeEntry], name: str, folder: _Folder, prefix: str, new: list[NewObject]
) -> None:
    standing = entries.get(name)
    if standing is not None and not standing.is_tree:
        below = next(folder.adds(), None)
        if below is not None:
            raise Unprocessable(f"A file stands at {prefix + name!r}: {prefix + name + '/' + below!r} cannot be in it")
        return
    old = standing.oid if standing else None
    inside = _apply(objects, old, folder, f"{prefix}{name}/", new)
    if inside:
        entries[name] = TreeEntry(MODE_TREE, name, _store(old, inside, new))
    else:
        entries.pop(name, None)


def _store(old: Oid | None, entries: dict[str, TreeEntry], new: list[NewObject]) -> Oid:
    data = build_tree(entries.values())
    oid = object_id("tree", data)
    if oid != old:
        # Stored even where an equal object lies in some pack: it may be an unreachable one, about to be collected.
        new.append(("tree", data))
    return oid
