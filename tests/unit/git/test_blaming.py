from collections.abc import Callable

from pioche.git.blaming import Step, blame, follow, ignored_commits
from pioche.git.store import GitStore
from pioche.names import Oid
from tests.unit.git.conftest import AUTHOR, UID, Git

Make = Callable[..., Oid]

LINES = b"".join(b"line %d of a file that is long enough\n" % n for n in range(10))


def test_each_line_has_its_commit(store: GitStore, commit: Make) -> None:
    first = commit(None, {"a": b"1\n2\n3\n"})
    second = commit(first, {"a": b"1\ntwo\n3\n4\n"}, at=AUTHOR.at + 1)
    found = blame(store.open(UID), second, "a")
    assert [(origin.start, origin.count, origin.commit) for origin in found] == [
        (1, 1, first),
        (2, 1, second),
        (3, 1, first),
        (4, 1, second),
    ]
    assert found[0].previous is None
    assert found[1].previous == (first, "a")


def test_lines_keep_their_commit_when_a_file_moves(store: GitStore, commit: Make) -> None:
    name, moved = 'odd "name"\té', "dir/-x y"
    first = commit(None, {name: LINES})
    second = commit(first, {name: None, moved: LINES + b"more\n"}, at=AUTHOR.at + 1)
    found = blame(store.open(UID), second, moved)
    assert [(origin.count, origin.commit, origin.path) for origin in found] == [(10, first, name), (1, second, moved)]
    assert found[1].previous == (first, name)


def test_ignored_commits_are_looked_behind(store: GitStore, commit: Make) -> None:
    first = commit(None, {"a": b"def f(x):\n  return x\n"})
    form = commit(first, {"a": b"def f(x):\n    return x\n"}, at=AUTHOR.at + 1)
    objects = store.open(UID)
    text = f"# form only\n{form}  # all files\n{'0' * 40}\n--upload-pack=x\n{objects.commit(form).tree}\n"
    ignored = ignored_commits(objects, text)
    assert ignored == [form]
    assert {origin.commit for origin in blame(objects, form, "a", ignored=ignored)} == {first}


def test_the_history_of_a_file_under_all_its_names(store: GitStore, commit: Make, git: Git) -> None:
    first = commit(None, {"a": LINES})
    commit_b = commit(first, {"other": b"x"}, at=AUTHOR.at + 1)
    moved = commit(commit_b, {"a": None, "d/é b": LINES}, at=AUTHOR.at + 2)
    last = commit(moved, {"d/é b": LINES + b"x\n"}, at=AUTHOR.at + 3)
    objects = store.open(UID)
    whole = [Step(last, "d/é b", "d/é b"), Step(moved, "d/é b", "a"), Step(first, "a", "a")]
    assert follow(objects, last, "d/é b", is_folder=False, skip=0, limit=10) == whole
    assert follow(objects, last, "d/é b", is_folder=False, skip=1, limit=1) == whole[1:2]
    assert [step.commit for step in follow(objects, last, "d", is_folder=True, skip=0, limit=9)] == [last, moved]


def test_paths_are_never_patterns(store: GitStore, commit: Make) -> None:
    first = commit(None, {":(glob)**": b"1", "x": b"1"})
    second = commit(first, {"x": b"2"}, at=AUTHOR.at + 1)
    objects = store.open(UID)
    assert [step.commit for step in follow(objects, second, ":(glob)**", is_folder=False, skip=0, limit=9)] == [first]
    assert [origin.commit for origin in blame(objects, second, ":(glob)**")] == [first]
