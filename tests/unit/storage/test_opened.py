"""storage.opened: files that are held open are let go when they change, and after a while."""

import os
import time
from pathlib import Path

import pytest

from pioche.names import Sha256
from pioche.storage import opened
from pioche.storage.disk import OpenFile, open_file
from pioche.storage.opened import FILES_MAX, Opened

NAME = Sha256("a" * 64)


@pytest.fixture
def file(tmp_path: Path) -> OpenFile:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    os.utime(path, (0, 0))
    found = open_file(path)
    assert found is not None
    return found


@pytest.fixture
def held(file: OpenFile, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """It looks at its file every time."""
    monkeypatch.setattr(opened, "_LOOKED_AT_SECONDS", -1.0)
    found = Opened()
    found.keep(NAME, file)
    return found


def test_what_nobody_touched_is_given_again(held: Opened, file: OpenFile) -> None:
    assert held.find(NAME) is file
    assert held.find(NAME) is file
    assert held.find(Sha256("b" * 64)) is None


@pytest.mark.parametrize("change", ["written", "cut", "deleted", "replaced", "linked"])
def test_what_changed_is_let_go(held: Opened, file: OpenFile, tmp_path: Path, change: str) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    time.sleep(0.02)  # the time of a change is as exact as the kernel's clock ticks
    if change == "written":
        path.write_bytes(b"9876543210")
    elif change == "cut":
        os.truncate(path, 5)
    elif change == "deleted":
        path.unlink()
    elif change == "replaced":
        other.write_bytes(b"9876543210")
        other.replace(path)
    else:
        other.hardlink_to(path)
    assert held.find(NAME) is None
    assert held.find(NAME) is None


def test_a_part_soon_after_another_is_not_looked_at(
    file: OpenFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "_LOOKED_AT_SECONDS", 3600.0)
    found = Opened()
    found.keep(NAME, file)
    (tmp_path / "file").unlink()
    assert found.find(NAME) is file


def test_few_are_held_and_none_for_long(file: OpenFile) -> None:
    found = Opened()
    names = [Sha256(f"{number:064x}") for number in range(FILES_MAX + 1)]
    for name in names:
        found.keep(name, file)
    assert found.find(names[-1]) is file
    assert found.find(names[0]) is None
    found.flush()
    assert found.find(names[-1]) is None
