import sys
from pathlib import Path

import pytest

from pioche.spaces.builds import pythons
from pioche.spaces.builds.pythons import Python

_HERE = tuple(Python((3, minor, 1), Path(f"/python3.{minor}"), Path("/")) for minor in (10, 11, 13))


@pytest.mark.parametrize(
    ("text", "minor"),
    [("3.10", 10), ("3.1", 10), ("3.12.4", 12), ("3", -1), ("2.7", None), ("latest", None), ("3.x", None), ("", None)],
)
def test_what_a_card_asks_for(text: str, minor: int | None) -> None:
    assert pythons.asked(text) == minor


@pytest.mark.parametrize(("minor", "found"), [(11, 11), (12, 13), (9, 10), (8, 10), (14, 13), (-1, 13)])
def test_the_nearest_is_taken_the_newer_of_two(minor: int, found: int) -> None:
    nearest = pythons.nearest(_HERE, minor)
    assert nearest is not None
    assert nearest.minor == found


def test_without_any_there_is_none() -> None:
    assert pythons.nearest((), 11) is None


def test_the_one_that_runs_this_is_found(tmp_path: Path) -> None:
    (tmp_path / "python3.9").write_text("#!/bin/sh\nexit 1\n")  # a shim without its Python
    (tmp_path / "python3.9").chmod(0o755)
    found = pythons.find([tmp_path, Path(sys.executable)])
    assert [python.version for python in found if python.minor == sys.version_info.minor] == [sys.version_info[:3]]
    assert len({python.minor for python in found}) == len(found)
