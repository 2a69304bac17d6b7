from collections.abc import Callable

from pioche.git.genesis import genesis
from pioche.git.objects import MODE_FILE, MODE_LINK, MODE_TREE, TreeEntry, build_tree, object_id
from pioche.git.store import GitStore
from pioche.git.trees import edit
from pioche.names import Oid
from tests.unit.git.conftest import AUTHOR, UID, Git

Make = Callable[..., Oid]


def _line(commit: Make, count: int) -> list[Oid]:
    line: list[Oid] = []
    for n in range(count):
        line.append(commit(line[-1] if line else None, {"same": b"%d" % n, f"dir/{n}": b"x"}, at=AUTHOR.at + n))
    return line


def test_log_and_count_agree_with_git(store: GitStore, commit: Make, git: Git) -> None:
    line = _line(commit, 12)
    objects = store.open(UID)
    assert [entry.oid for entry in objects.log(line[-1])] == git("rev-list", line[-1]).split()
    assert [entry.oid for entry in objects.log(line[-1], skip=3, limit=2)] == line[8:6:-1]
    assert [objects.count(oid) for oid in line] == list(range(1, 13))
    assert objects.count(line[5]) == 6


def test_log_of_a_merge_shows_each_commit_once(store: GitStore, commit: Make, git: Git) -> None:
    base = commit(None, {"a": b"1"})
    left = commit(base, {"b": b"1"}, at=AUTHOR.at + 1)
    right = commit(base, {"c": b"1"}, at=AUTHOR.at + 2)
    merge = commit(left, {"c": b"1"}, at=AUTHOR.at + 3, also=(right,))
    objects = store.open(UID)
    assert [entry.oid for entry in objects.log(merge)] == [merge, right, left, base]
    assert objects.count(merge) == 4
    assert objects.merge_base(left, right) == base
    assert objects.last_commits(merge, {"a", "b", "c"}) == {"a": base, "b": left, "c": right}


def test_last_commits_agree_with_git(store: GitStore, commit: Make, git: Git) -> None:
    line = _line(commit, 10)
    objects = store.open(UID)
    wanted = {"same", "dir", "dir/3", "dir/9"}
    found = objects.last_commits(line[-1], wanted)
    assert found == {path: git("log", "-1", "--format=%H", line[-1], "--", path).strip() for path in wanted}


def test_last_commits_stop_where_they_are_told(store: GitStore, commit: Make) -> None:
    line = _line(commit, 6)
    found = store.open(UID).last_commits(line[-1], {"same", "dir/0", "dir/5"}, line[2])
    assert found == {"same": line[5], "dir/5": line[5]}


def test_ancestors(store: GitStore, commit: Make) -> None:
    line = _line(commit, 3)
    objects = store.open(UID)
    assert objects.is_ancestor(line[0], line[2])
    assert objects.is_ancestor(line[1], line[1])
    assert not objects.is_ancestor(line[2], line[0])
    stranger = commit(None, {"z": b"z"}, at=1)
    assert objects.merge_base(stranger, line[0]) is None


def test_short_ids_name_commits_only(store: GitStore, commit: Make) -> None:
    oid = commit(None, {"a": b"1"})
    objects = store.open(UID)
    assert objects.expand_short(oid[:7]) == [oid]
    assert objects.expand_short(objects.commit(oid).tree[:7]) == []
    assert objects.expand_short("f" * 12 if oid[0] != "f" else "e" * 12) == []


def test_a_short_id_that_several_objects_share(store: GitStore) -> None:
    by_prefix: dict[str, list[str]] = {}
    n = 0
    while True:  # two commits that share four digits: the birthday helps
        oid, objects = genesis(AUTHOR, f"message {n}", {})
        store.write(UID, list(objects.values()))
        same = by_prefix.setdefault(oid[:3], [])
        same.append(oid)
        if len(same) == 2:
            break
        n += 1
    found = store.open(UID).expand_short(same[0][:3])
    assert set(same) <= set(found)
    assert found == sorted(found)


def test_the_genesis_has_a_short_id_too(store: GitStore) -> None:
    oid, seed = genesis(AUTHOR, "initial commit", {"README.md": b"hi"})
    assert store.open(UID, seed).expand_short(oid[:8]) == [oid]


def test_a_patch_is_what_git_prints(store: GitStore, commit: Make) -> None:
    first = commit(None, {"a.txt": b"one\ntwo\n" * 10, "old": b"rename me\n" * 5})
    second = commit(first, {"a.txt": b"one\n2\n" + b"one\ntwo\n" * 9, "old": None, "new": b"rename me\n" * 5})
    objects = store.open(UID)
    patch = objects.patch(first, second, 100_000)
    assert "-two\n+2\n" in patch
    assert "rename from old\nrename to new\n" in patch
    assert "+rename me" in objects.patch(None, second, 100_000)
    assert len(objects.patch(None, second, 100)) == 100
    assert not list(store.scratch.iterdir())


def test_the_patch_of_a_repo_without_files_on_disk(store: GitStore) -> None:
    oid, seed = genesis(AUTHOR, "initial commit", {"README.md": b"hi\n"})
    assert "+hi\n" in store.open(UID, seed).patch(None, oid, 1000)
    assert not store.exists(UID)


def test_diff_names_files_on_both_sides(store: GitStore, commit: Make) -> None:
    first = commit(None, {"a": b"1", "d/x": b"1", "d/y": b"1", "gone/z": b"1"})
    second = commit(first, {"a": None, "a/b": b"2", "d/x": b"2", "gone/z": None})
    objects = store.open(UID)
    changes = {
        c.path: (bool(c.old), bool(c.new))
        for c in objects.diff(objects.commit(first).tree, objects.commit(second).tree)
    }
    assert changes == {"a": (True, False), "a/b": (False, True), "d/x": (True, True), "gone/z": (True, False)}
    assert list(objects.diff(objects.commit(first).tree, objects.commit(first).tree)) == []


def test_a_file_that_becomes_a_link_is_one_change(store: GitStore, commit: Make) -> None:
    first = commit(None, {"a": b"1", "b": b"2"})
    objects = store.open(UID)
    old = objects.commit(first).tree
    new, trees = edit(objects, old, {"a": (MODE_LINK, object_id("blob", b"2"))})
    store.write(UID, trees)
    (change,) = objects.diff(old, new)
    assert change.path == "a"
    assert change.old
    assert change.new
    assert (change.old.mode, change.new.mode) == (MODE_FILE, MODE_LINK)


def test_a_very_deep_tree_does_not_exhaust_the_stack(store: GitStore) -> None:
    data = build_tree([TreeEntry(0o100644, "f", object_id("blob", b"x"))])
    layers = [("blob", b"x"), ("tree", data)]
    for _ in range(3000):
        data = build_tree([TreeEntry(MODE_TREE, "d", object_id("tree", data))])
        layers.append(("tree", data))
    store.write(UID, layers)
    root = object_id("tree", data)
    objects = store.open(UID)
    assert [path.count("/") for path, _ in objects.walk(root)] == [3000]
    assert len(list(objects.diff(None, root))) == 1
