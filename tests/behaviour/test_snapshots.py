"""The files of a revision on disk, for a worker (`pioche.repos.snapshots`)."""

import os
import stat
from pathlib import Path

import pytest

from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.errors import Corrupt, EntryNotFound, OutOfSpace
from pioche.repos.access import Repo
from pioche.repos.snapshots import Snapshots
from tests.core import Core, at_once, main

PATHS = ("onnx/model.onnx", "config.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "snapshots"


@pytest.fixture
def published(core: Core, repo: Repo, ada: Caller) -> Repo:
    weights = core.upload(repo, ada, b"w" * 1000)
    core.commit(repo, ada, {"onnx/model.onnx": weights, "config.json": b"{}", "secret.txt": b"not for the worker"})
    return repo


def contents(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_a_snapshot_has_the_files_asked_for_and_no_other(published: Repo, folder: Path) -> None:
    with Snapshots(folder, 10_000).lease(published, main(published), PATHS) as place:
        assert contents(place) == {"onnx/model.onnx": b"w" * 1000, "config.json": b"{}"}
        for path in place.rglob("*"):
            assert path.stat().st_mode & stat.S_IROTH, path
            assert path.is_dir() or not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def test_large_files_are_the_hub_s_own_where_they_can_be(published: Repo, config: Config, folder: Path) -> None:
    with Snapshots(folder, 10_000).lease(published, main(published), PATHS) as place:
        stored = [path for path in (config.data_dir / "blobs").rglob("*") if path.is_file()]
        assert [path.stat().st_ino for path in stored] == [(place / "onnx/model.onnx").stat().st_ino]


def test_a_second_lease_makes_nothing_anew(published: Repo, folder: Path) -> None:
    snapshots = Snapshots(folder, 10_000)
    with snapshots.lease(published, main(published), PATHS) as first:
        made = (first / "config.json").stat().st_ino
        with snapshots.lease(published, main(published), PATHS) as second:
            assert (second, (second / "config.json").stat().st_ino) == (first, made)


def test_many_at_once_get_one_folder(published: Repo, folder: Path) -> None:
    snapshots, revision = Snapshots(folder, 10_000), main(published)

    def lease(_number: int) -> object:
        with snapshots.lease(published, revision, PATHS) as place:
            return contents(place) == {"onnx/model.onnx": b"w" * 1000, "config.json": b"{}"}

    assert at_once(8, lease) == [True] * 8
    assert len(os.listdir(folder)) == 1


def test_many_at_once_in_a_folder_too_small_for_them_all(
    core: Core, published: Repo, ada: Caller, folder: Path
) -> None:
    """They make, count and remove beside one another; what one of them uses is never taken from it."""
    snapshots, commits = Snapshots(folder, 2500), [main(published)]
    for letter in b"xyz":
        weights = core.upload(published, ada, bytes([letter]) * 1000)
        core.commit(published, ada, {"onnx/model.onnx": weights})
        commits.append(main(published))

    def lease(number: int) -> object:
        sizes = set()
        for step in range(8):
            with snapshots.lease(published, commits[(number + step) % 4], PATHS) as place:
                sizes.add(tuple(len(content) for _, content in sorted(contents(place).items())))
        return sizes

    assert at_once(8, lease) == [{(2, 1000)}] * 8
    assert [name for name in os.listdir(folder) if name.endswith(".part")] == []


def test_what_was_used_last_longest_ago_goes_first_and_what_is_in_use_stays(
    core: Core, published: Repo, ada: Caller, folder: Path
) -> None:
    snapshots = Snapshots(folder, 2500)
    with snapshots.lease(published, main(published), PATHS) as used:
        os.utime(used, (1, 1))
        core.commit(published, ada, {"onnx/model.onnx": core.upload(published, ada, b"x" * 1000)})
        with snapshots.lease(published, main(published), PATHS) as second:
            os.utime(second, (2, 2))
        core.commit(published, ada, {"onnx/model.onnx": core.upload(published, ada, b"y" * 1000)})
        with snapshots.lease(published, main(published), PATHS) as third:
            assert used.exists()
            assert not second.exists()
            assert contents(third)["onnx/model.onnx"] == b"y" * 1000


def test_a_model_larger_than_all_snapshots_may_be_is_refused(published: Repo, folder: Path) -> None:
    with (
        pytest.raises(OutOfSpace, match="larger than"),
        Snapshots(folder, 500).lease(published, main(published), PATHS),
    ):
        raise AssertionError


def test_a_file_that_is_not_there_leaves_nothing_behind(published: Repo, folder: Path) -> None:
    with (
        pytest.raises(EntryNotFound, match=r"other\.onnx"),
        Snapshots(folder, 10_000).lease(published, main(published), ["other.onnx"]),
    ):
        raise AssertionError
    assert not folder.exists()


def test_a_damaged_file_is_never_served(published: Repo, config: Config, folder: Path) -> None:
    (stored,) = [path for path in (config.data_dir / "blobs").rglob("*") if path.is_file()]
    stored.write_bytes(b"v" * 1000)
    with pytest.raises(Corrupt), Snapshots(folder, 10_000).lease(published, main(published), PATHS):
        raise AssertionError
    assert os.listdir(folder) == []


def test_what_was_made_of_a_commit_is_kept_whole_or_not_at_all(published: Repo, folder: Path) -> None:
    snapshots, commit = Snapshots(folder, 2_000), main(published).commit

    def make(text: bytes) -> None:
        with snapshots.keep(published, commit, "onnx-fill-mask", 500) as part:
            (part / "model.onnx").write_bytes(text)
            if not text:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        make(b"")
    with snapshots.derived(published, commit, "onnx-fill-mask") as place:
        assert place is None
    assert list(folder.iterdir()) == []
    make(b"1" * 500)
    make(b"2" * 500)  # another process was as fast: the first one stays
    with snapshots.derived(published, commit, "onnx-fill-mask") as place:
        assert place is not None
        assert contents(place) == {"model.onnx": b"1" * 500}
        with snapshots.lease(published, main(published), PATHS):
            assert place.exists()
        with pytest.raises(OutOfSpace), snapshots.keep(published, commit, "other", 3_000):
            raise AssertionError
        with snapshots.keep(published, commit, "other", 1_900):
            assert place.exists()  # it is in use
    with snapshots.keep(published, commit, "third", 1_900):
        assert not place.exists()
