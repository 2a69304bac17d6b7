import shutil
import threading
from collections.abc import Callable

import pytest

from pioche.errors import Corrupt, Unavailable
from pioche.git.genesis import genesis
from pioche.git.objects import ObjectMissing, object_id
from pioche.git.store import GitStore
from pioche.names import Oid
from tests.unit.git.conftest import AUTHOR, UID, Git

FIRST, SEED = genesis(AUTHOR, "initial commit", {".gitattributes": b"*.bin filter=lfs\n", "docs/a/b.md": b"b"})


def test_a_repo_that_nobody_wrote_to_has_no_file(store: GitStore) -> None:
    objects = store.open(UID, SEED)
    assert objects.commit(FIRST).title == "initial commit"
    assert [path for path, _ in objects.walk(objects.commit(FIRST).tree)] == [".gitattributes", "docs/a/b.md"]
    assert objects.count(FIRST) == 1
    assert not store.root.exists()
    assert not store.exists(UID)


def test_the_first_write_stores_the_seed_too(store: GitStore, git: Git) -> None:
    open_before = store.open(UID, SEED)
    assert Oid("0" * 40) not in open_before
    store.write(UID, [("blob", b"new")], SEED)
    assert open_before.blob(object_id("blob", b"new")) == b"new"
    assert store.exists(UID)
    assert store.pack_count(UID) == 1
    git("fsck", "--strict", "--full")
    assert git("cat-file", "-t", FIRST) == "commit\n"
    assert sum(1 for _ in store.path(UID).rglob("*")) + 1 <= 8


def test_a_first_write_that_broke_off_counts_as_none(store: GitStore, git: Git) -> None:
    store.write(UID, [("blob", b"x")], SEED)
    shutil.rmtree(store.path(UID) / "objects")
    (store.path(UID) / "HEAD").unlink()
    (store.path(UID) / "objects" / "pack").mkdir(parents=True)
    assert not store.exists(UID)
    store.write(UID, [("blob", b"y")], SEED)
    assert git("cat-file", "-t", FIRST) == "commit\n"


@pytest.mark.parametrize("made", ["objects", "objects/pack"])
def test_who_reads_while_a_first_write_is_half_way_sees_its_end(store: GitStore, made: str) -> None:
    """A crash can leave it half way as well; libgit2 looks for the folder of packs once."""
    (store.path(UID) / made).mkdir(parents=True)
    reader = store.open(UID, SEED)
    assert reader.commit(FIRST).title == "initial commit"
    store.write(UID, [("blob", b"new")], SEED)
    assert reader.blob(object_id("blob", b"new")) == b"new"


def test_what_is_half_written_or_half_deleted_lies_where_it_is_swept(
    store: GitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(UID, [("blob", b"x")], SEED)
    repo = sorted(store.root.rglob("*"))
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", _fails)
        patch.setattr("os.unlink", _fails)  # as if killed: nothing is tidied up
        with pytest.raises(Unavailable):
            store.write(UID, [("blob", b"y")])
    assert sorted(store.root.rglob("*")) == repo
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", _fails)
        with pytest.raises((PermissionError, Unavailable)):
            store.delete(UID)
    assert not list(store.root.rglob(f"*{UID}*"))
    assert len(list(store.scratch.iterdir())) == 2


def _fails(*_: object, **__: object) -> None:
    raise PermissionError


def test_writing_twice_is_writing_once(store: GitStore) -> None:
    for _ in range(2):
        store.write(UID, [("blob", b"x")])
    assert store.pack_count(UID) == 1


def test_a_missing_object_says_which(store: GitStore) -> None:
    store.write(UID, [("blob", b"x")])
    absent = Oid("a" * 40)
    with pytest.raises(ObjectMissing, match=absent):
        store.open(UID).read(absent)
    with pytest.raises(ObjectMissing):
        store.open(UID).size(absent)
    with pytest.raises(ObjectMissing):
        store.open(UID).commit(object_id("blob", b"x"))
    assert absent not in store.open(UID)


def test_damaged_bytes_are_never_handed_out(store: GitStore) -> None:
    store.write(UID, [("blob", b"precious" * 100)])
    (pack,) = store.path(UID).rglob("*.pack")
    pack.chmod(0o644)
    data = bytearray(pack.read_bytes())
    data[-30] ^= 0xFF
    pack.write_bytes(data)
    with pytest.raises(Corrupt):
        GitStore(store.root).open(UID).read(object_id("blob", b"precious" * 100))


def test_repacking_keeps_unreachable_objects_and_open_readers(store: GitStore, git: Git) -> None:
    blobs = [b"blob %d" % n for n in range(12)]
    for data in blobs:
        store.write(UID, [("blob", data)])
    reader = store.open(UID)
    assert reader.blob(object_id("blob", blobs[0])) == blobs[0]
    store.repack(UID)
    assert store.pack_count(UID) < 12
    assert [reader.blob(object_id("blob", data)) for data in blobs] == blobs
    git("fsck", "--strict", "--full")


def test_two_first_writers_lose_nothing(store: GitStore, git: Git) -> None:
    blobs = [b"%d" % n for n in range(8)]
    threads = [threading.Thread(target=store.write, args=(UID, [("blob", data)], SEED)) for data in blobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.open(UID).blob(object_id("blob", data)) for data in blobs] == blobs
    git("fsck", "--strict", "--full")


def test_readers_share_a_repo_between_threads(store: GitStore, commit: Callable[..., Oid]) -> None:
    tip: Oid | None = None
    for n in range(20):
        tip = commit(tip, {f"f{n}": b"%d" % n}, at=AUTHOR.at + n)
    assert tip
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(20):
                assert len(list(store.open(UID).log(tip))) == 20
                assert store.open(UID).count(tip) == 20
        except BaseException as failure:  # noqa: BLE001  # handed to the main thread
            failures.append(failure)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_only_so_many_stay_open(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = GitStore(tmp_path_factory.mktemp("git"), open_max=2)
    first = store.open("a")
    for uid in ("b", "c"):
        store.open(uid)
    assert store.open("a") is not first


def test_deleting_is_final_and_idempotent(store: GitStore) -> None:
    store.write(UID, [("blob", b"x")])
    for _ in range(2):
        store.delete(UID)
    assert not store.exists(UID)
    assert object_id("blob", b"x") not in store.open(UID)


def test_a_uid_is_no_path(store: GitStore) -> None:
    with pytest.raises(ValueError, match="uid"):
        store.path("../x")
