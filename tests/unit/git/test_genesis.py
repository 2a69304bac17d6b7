from pioche.git.genesis import genesis
from pioche.git.objects import object_id
from pioche.git.store import GitStore
from tests.unit.git.conftest import AUTHOR, UID, Git


def test_the_same_input_gives_the_same_commit() -> None:
    files = {"b/c/d": b"2", "a": b"1", "b/e": b"3"}
    one, objects = genesis(AUTHOR, "initial commit", files)
    other, _ = genesis(AUTHOR, "initial commit", dict(reversed(files.items())))
    assert one == other
    assert all(object_id(*value) == oid for oid, value in objects.items())


def test_git_finds_it_sound(store: GitStore, git: Git) -> None:
    oid, seed = genesis(AUTHOR, "initial commit", {".gitattributes": b"x", "b/c": b"1"})
    store.write(UID, [], seed)
    git("fsck", "--strict", "--full")
    assert git("ls-tree", "-r", "--name-only", oid).split() == [".gitattributes", "b/c"]
