import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pioche.errors import Unprocessable
from pioche.git.objects import EMPTY_TREE, MODE_EXECUTABLE, MODE_FILE, ObjectMissing, object_id
from pioche.git.store import GitStore, Objects
from pioche.git.trees import DEPTH_MAX, Edit, edit
from pioche.names import Oid
from tests.unit.git.conftest import UID

BLOB = object_id("blob", b"x")
OTHER = object_id("blob", b"y")


def _change(store: GitStore, root: Oid | None, changes: dict[str, Edit]) -> Oid:
    tree, new = edit(store.open(UID), root, changes)
    store.write(UID, [("blob", b"x"), ("blob", b"y"), *new])
    return tree


def _files(objects: Objects, tree: Oid) -> dict[str, tuple[int, Oid]]:
    return {path: (entry.mode, entry.oid) for path, entry in objects.walk(tree)}


def test_only_what_is_on_the_way_is_written(store: GitStore) -> None:
    root = _change(store, None, {f"d{n}/sub/f": (MODE_FILE, BLOB) for n in range(5)})
    _, new = edit(store.open(UID), root, {"d3/sub/f": (MODE_FILE, OTHER)})
    assert [kind for kind, _ in new] == ["tree", "tree", "tree"]


def test_a_change_that_changes_nothing(store: GitStore) -> None:
    root = _change(store, None, {"a/b": (MODE_FILE, BLOB)})
    assert edit(store.open(UID), root, {"a/b": (MODE_FILE, BLOB), "absent": None, "a/b/c": None}) == (root, [])


def test_empty_folders_vanish(store: GitStore) -> None:
    root = _change(store, None, {"a/b/c": (MODE_FILE, BLOB), "x": (MODE_FILE, BLOB)})
    root = _change(store, root, {"a/b/c": None})
    assert [entry.name for entry in store.open(UID).tree(root)] == ["x"]
    assert _change(store, root, {"x": None}) == EMPTY_TREE


def test_a_folder_is_removed_as_a_whole(store: GitStore) -> None:
    root = _change(store, None, {"a/b/c": (MODE_FILE, BLOB), "a/d": (MODE_FILE, BLOB), "x": (MODE_FILE, BLOB)})
    assert list(_files(store.open(UID), _change(store, root, {"a": None}))) == ["x"]


def test_a_file_cannot_stand_where_a_folder_stands(store: GitStore) -> None:
    root = _change(store, None, {"a/b": (MODE_FILE, BLOB), "f": (MODE_FILE, BLOB)})
    with pytest.raises(Unprocessable, match="'a'"):
        edit(store.open(UID), root, {"a": (MODE_FILE, BLOB)})
    with pytest.raises(Unprocessable, match="'f/g/h'"):
        edit(store.open(UID), root, {"f/g/h": (MODE_FILE, BLOB)})
    with pytest.raises(Unprocessable, match="'n'"):
        edit(store.open(UID), root, {"n": (MODE_FILE, BLOB), "n/m": (MODE_FILE, BLOB)})


def test_unless_the_same_change_makes_room(store: GitStore) -> None:
    root = _change(store, None, {"a/b": (MODE_FILE, BLOB), "f": (MODE_FILE, BLOB)})
    root = _change(store, root, {"a/b": None, "a": (MODE_EXECUTABLE, OTHER), "f": None, "f/g": (MODE_FILE, BLOB)})
    assert _files(store.open(UID), root) == {"a": (MODE_EXECUTABLE, OTHER), "f/g": (MODE_FILE, BLOB)}


def test_a_path_too_deep(store: GitStore) -> None:
    with pytest.raises(Unprocessable, match="folders"):
        edit(store.open(UID), None, {"a/" * (DEPTH_MAX + 1) + "b": (MODE_FILE, BLOB)})
    assert edit(store.open(UID), None, {"a/" * DEPTH_MAX + "b": (MODE_FILE, BLOB)})


def test_find(store: GitStore) -> None:
    root = _change(store, None, {"a/b/ü": (MODE_FILE, BLOB), "f": (MODE_FILE, OTHER)})
    objects = store.open(UID)
    found = objects.find(root, "a/b/ü")
    assert found
    assert (found.mode, found.name, found.oid) == (MODE_FILE, "ü", BLOB)
    folder = objects.find(root, "a/b")
    assert folder
    assert folder.is_tree
    for absent in ("", "a/", "/a", "a//b", "a/c", "f/x", "A", "a/b/ü/x", ".", "\0"):
        assert objects.find(root, absent) is None


def test_find_in_a_tree_that_is_not_there_is_not_an_absent_file(store: GitStore) -> None:
    with pytest.raises(ObjectMissing):
        store.open(UID).find(Oid("e" * 40), "a")


names = st.text(st.sampled_from("ab.-é"), min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.dictionaries(paths, st.sampled_from([BLOB, OTHER, None]), max_size=8), max_size=4))
def test_any_series_of_edits_is_a_dictionary_update(tmp_path: Path, series: list[dict[str, Oid | None]]) -> None:
    store = GitStore(Path(tempfile.mkdtemp(dir=tmp_path)))
    model: dict[str, tuple[int, Oid]] = {}
    root: Oid | None = None
    for step in series:
        changes: dict[str, Edit] = {path: None if oid is None else (MODE_FILE, oid) for path, oid in step.items()}
        removed = [path for path, change in changes.items() if change is None]
        expected = {
            path: value
            for path, value in model.items()
            if not any(path == gone or path.startswith(gone + "/") for gone in removed)
        } | {path: change for path, change in changes.items() if change is not None}
        clash = any(path.startswith(other + "/") for path in expected for other in expected)
        if clash:
            with pytest.raises(Unprocessable):
                edit(store.open(UID), root, changes)
            continue
        root, model = _change(store, root, changes), expected
        assert _files(store.open(UID), root) == model
        assert {path: _both(change) for path, *change in store.open(UID).diff(None, root)} == {
            path: (None, oid) for path, (_, oid) in model.items()
        }
    subprocess.run(["git", f"--git-dir={store.path(UID)}", "fsck", "--strict", "--full"], check=store.exists(UID))


def _both(change: list[object]) -> tuple[object, object]:
    old, new = change
    return getattr(old, "oid", None), getattr(new, "oid", None)
