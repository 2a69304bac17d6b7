from pathlib import Path

import pytest

from pioche.errors import NotBuilt
from pioche.spaces.builds import packages
from pioche.spaces.builds.sources import Sources


def test_packages_that_the_machine_has_are_fine(tmp_path: Path) -> None:
    (tmp_path / "packages.txt").write_text("# media\nffmpeg libgl1-mesa-glx\npython3-dev\n\nsh\n")
    notes = packages.check(Sources(tmp_path), {"ffmpeg": "7.1", "libgl1": "1.6"})
    assert [note.split()[1] for note in notes] == ["ffmpeg", "libgl1-mesa-glx", "python3-dev", "sh"]


def test_one_that_it_has_not_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "packages.txt").write_text("ffmpeg\n\nlibabsent9\n")
    with pytest.raises(NotBuilt, match=r"^packages\.txt, line 3: The package libabsent9 is not on this machine"):
        packages.check(Sources(tmp_path), {"ffmpeg": "7.1"})


def test_options_are_no_names(tmp_path: Path) -> None:
    (tmp_path / "packages.txt").write_text("-o=APT::x")
    with pytest.raises(NotBuilt, match="no name of a Debian package"):
        packages.check(Sources(tmp_path), {})
