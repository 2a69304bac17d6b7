"""What is seen of what a process writes."""

import mmap
import os
from pathlib import Path

import pytest

from pioche.runner import disk
from pioche.runner.disk import Taken, Watch

_MIB = 2**20
_OURS = [os.getpid()]


def _problem(folder: Path, size: int = 4 * _MIB, files: int = 100) -> str:
    return Watch(str(folder), (), Taken(size, files)).problem(_OURS)


def _written(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.write(os.urandom(size))
        os.fsync(file.fileno())


def test_bytes_and_files_are_counted(tmp_path: Path) -> None:
    _written(tmp_path / "a", 3 * _MIB)
    assert not _problem(tmp_path)
    assert _problem(tmp_path, 2 * _MIB) == "killed: wrote more than 2 MiB into its scratch folder"
    for number in range(60):
        (tmp_path / f"{number}").mkdir()
    assert not _problem(tmp_path)
    assert _problem(tmp_path, files=60) == "killed: made more than 60 files"


def test_a_file_with_many_names_counts_once_and_a_hole_not_at_all(tmp_path: Path) -> None:
    _written(tmp_path / "a", 3 * _MIB)
    for number in range(50):
        os.link(tmp_path / "a", tmp_path / f"{number}")
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(100 * _MIB)
    assert not _problem(tmp_path, files=10)


def test_links_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    _written(tmp_path / "outside", 5 * _MIB)
    os.symlink(tmp_path, tmp_path / "in" / "link")
    os.symlink(tmp_path / "outside", tmp_path / "in" / "file")
    assert not _problem(tmp_path / "in")


def test_a_file_without_a_name_counts_while_it_is_open_or_mapped(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w+b") as file:
        file.write(os.urandom(6 * _MIB))
        os.fsync(file.fileno())
        (tmp_path / "a").unlink()
        assert "4 MiB" in _problem(tmp_path)
        held = mmap.mmap(file.fileno(), 6 * _MIB)
        os.set_inheritable(file.fileno(), False)
    with held:
        assert "4 MiB" in _problem(tmp_path)
    assert not _problem(tmp_path)


def test_what_grows_fast_is_looked_at_sooner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = iter((100 * _MIB, 92 * _MIB, 92 * _MIB))  # of a disk that others write to as well, so that it is told here
    monkeypatch.setattr(disk, "_free", lambda _folder: Taken(next(rooms), 1000))
    watch = Watch(str(tmp_path), (), Taken(4 * _MIB, 100))
    assert not watch.problem(_OURS)
    _written(tmp_path / "a", 8 * _MIB)
    watch._not_before = 0.0
    watch._next = float("inf")
    assert "4 MiB" in watch.problem(_OURS)


def test_files_in_memory_are_counted_by_their_file_system() -> None:
    used = os.statvfs("/dev/shm").f_files - os.statvfs("/dev/shm").f_ffree
    assert "made more than" in Watch(None, ("/dev/shm",), Taken(0, used - 1)).problem(_OURS)
    assert not Watch(None, ("/dev/shm",), Taken(0, 2 * used + 1000)).problem([0, 2**22, *_OURS])
