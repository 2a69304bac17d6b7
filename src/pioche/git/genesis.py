"""The first commit of a repo, computed and not stored: a repo that nobody wrote to costs no file."""

from collections.abc import Mapping

from pioche.git.objects import (
    MODE_FILE,
    MODE_TREE,
    NewObject,
    Signature,
    TreeEntry,
    build_commit,
    build_tree,
    object_id,
)
from pioche.names import Oid


def genesis(author: Signature, message: str, files: Mapping[str, bytes]) -> tuple[Oid, dict[Oid, NewObject]]:
    """The commit that adds `files` to nothing, and all its objects by id. The same input gives the same ids, always."""
    objects: dict[Oid, NewObject] = {}
    root = _folder(files, objects)
    return _keep(objects, "commit", build_commit(root, (), author, author, message)), objects


def _folder(files: Mapping[str, bytes], objects: dict[Oid, NewObject]) -> Oid:
    entries: list[TreeEntry] = []
    below: dict[str, dict[str, bytes]] = {}
    for path, data in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            below.setdefault(name, {})[rest] = data
        else:
            entries.append(TreeEntry(MODE_FILE, name, _keep(objects, "blob", data)))
    entries += [TreeEntry(MODE_TREE, name, _folder(inside, objects)) for name, inside in below.items()]
    return _keep(objects, "tree", build_tree(entries))


def _keep(objects: dict[Oid, NewObject], kind: str, data: bytes) -> Oid:
    oid = object_id(kind, data)
    objects[oid] = (kind, data)
    return oid
