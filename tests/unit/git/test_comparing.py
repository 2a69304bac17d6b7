from collections.abc import Callable

from pioche.git.comparing import Delta, Patch, Showing, deltas, patches
from pioche.git.objects import MODE_FILE, MODE_LINK, object_id
from pioche.git.store import GitStore
from pioche.git.trees import edit
from pioche.names import NULL_OID, Oid
from tests.unit.git.conftest import UID

Make = Callable[..., Oid]

TEXT = b"".join(b"line %d\n" % n for n in range(40))


def _patches(store: GitStore, old: Oid | None, new: Oid, showing: Showing | None = None) -> dict[str, Patch]:
    objects = store.open(UID)
    return patches(objects, old, new, deltas(objects, old, new), showing or Showing())


def _changed(patch: Patch) -> list[tuple[str, int, int, str]]:
    return [
        (line.kind, line.old, line.new, line.text) for hunk in patch.hunks for line in hunk.lines if line.kind != " "
    ]


def test_files_that_differ(store: GitStore, commit: Make) -> None:
    old = commit(None, {"a": b"1\n", "dir/b": TEXT, "c": b"same"})
    new = commit(old, {"a": b"2\n", "dir/b": None, "moved/b": TEXT + b"end\n", "d": b"new"})
    found = deltas(store.open(UID), old, new)
    assert [(delta.status, delta.old_path, delta.path) for delta in found] == [
        ("M", "a", "a"),
        ("A", "d", "d"),
        ("R", "dir/b", "moved/b"),
    ]
    assert found[1].old_oid == NULL_OID
    assert found[1].oid == object_id("blob", b"new")
    assert 90 < found[2].similarity < 100


def test_the_first_commit_is_all_new(store: GitStore, commit: Make) -> None:
    first = commit(None, {"a": b"1\n2\n"})
    assert _changed(_patches(store, None, first)["a"]) == [("+", 0, 1, "1"), ("+", 0, 2, "2")]


def test_lines_have_their_numbers(store: GitStore, commit: Make) -> None:
    old = commit(None, {"a": TEXT})
    new = commit(old, {"a": TEXT.replace(b"line 20\n", b"other\nmore\n").replace(b"line 39\n", b"line 39")})
    patch = _patches(store, old, new)["a"]
    assert len(patch.hunks) == 2
    assert _changed(patch) == [
        ("-", 21, 0, "line 20"),
        ("+", 0, 21, "other"),
        ("+", 0, 22, "more"),
        ("-", 40, 0, "line 39"),
        ("+", 0, 41, "line 39"),
        ("\\", 0, 0, " No newline at end of file"),
    ]
    assert patch.hunks[0].lines[0] == (" ", 18, 18, "line 17")


def test_blanks_may_not_count(store: GitStore, commit: Make) -> None:
    old = commit(None, {"a": b"if x:\n  y\n"})
    new = commit(old, {"a": b"if x:\n    y\n"})
    assert len(_changed(_patches(store, old, new)["a"])) == 2
    assert _patches(store, old, new, Showing(ignores_blanks=True))["a"] == Patch([], is_binary=False, is_cut=False)


def test_binary_files_have_no_lines(store: GitStore, commit: Make) -> None:
    old = commit(None, {"a": b"\x00\x01"})
    new = commit(old, {"a": b"\x00\x02"})
    assert _patches(store, old, new)["a"] == Patch([], is_binary=True, is_cut=False)


def test_hostile_names_are_found_again(store: GitStore, commit: Make) -> None:
    names = ['a "b"', "tab\tname", "é\u202exe", "diff --git a b", "-x", ":(glob)*", "back\\slash", "new\nline", "b\xff"]
    old = commit(None, {f"x/{name}": b"%d\n" % place for place, name in enumerate(names)})
    new = commit(old, {f"x/{name}": b"%d more\n" % place for place, name in enumerate(names)})
    found = _patches(store, old, new)
    assert set(found) == {f"x/{name}" for name in names}
    assert [_changed(found[f"x/{name}"])[1][3] for name in names] == [f"{place} more" for place in range(len(names))]


def test_text_that_looks_like_a_patch(store: GitStore, commit: Make) -> None:
    old = commit(None, {"a": b"x\n", "b": b"y\n"})
    trick = b"diff --git a/b b/b\nindex 0..1\n@@ -1 +1 @@\n-y\n+\x0cz\x1c\xc2\x85\r\n"
    new = commit(old, {"a": trick, "b": b"z\n"})
    found = _patches(store, old, new)
    assert len(_changed(found["a"])) == 6
    assert _changed(found["b"]) == [("-", 1, 0, "y"), ("+", 0, 1, "z")]


def test_a_file_that_became_a_link(store: GitStore, commit: Make) -> None:
    old = commit(None, {"a": b"x\n"})
    objects = store.open(UID)
    link = object_id("blob", b"target")
    tree, trees = edit(objects, objects.commit(old).tree, {"a": (MODE_LINK, link)})
    data = b"tree %s\nparent %s\nauthor A <a> 0 +0000\ncommitter A <a> 0 +0000\n\nm" % (tree.encode(), old.encode())
    store.write(UID, [("blob", b"target"), *trees, ("commit", data)])
    new = object_id("commit", data)
    assert deltas(objects, old, new) == [Delta("T", "a", "a", MODE_FILE, MODE_LINK, object_id("blob", b"x\n"), link, 0)]
    assert [line[3] for line in _changed(_patches(store, old, new)["a"])][:2] == ["x", "target"]


def test_what_is_too_much_is_cut_or_left_out(store: GitStore, commit: Make) -> None:
    old = commit(None, {"a": b"", "b": b""})
    new = commit(old, {"a": b"x\n" * 5000, "b": b"y" * 5000 + b"\n"})
    assert len(_changed(_patches(store, old, new, Showing(lines_max=100))["a"])) == 100
    assert _patches(store, old, new, Showing(lines_max=100))["a"].is_cut
    assert _changed(_patches(store, old, new, Showing(characters_max=10))["b"]) == [("+", 0, 1, "y" * 10 + "…")]
    assert set(_patches(store, old, new, Showing(bytes_max=16_000))) == {"a"}
    assert _patches(store, old, new, Showing(bytes_max=1_000)) == {}
