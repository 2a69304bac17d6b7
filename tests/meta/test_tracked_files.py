"""What is in git can be published as it is."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
BYTES_MAX = 400_000

# Package registries are reached through their clients' configuration, never by an address of ours; and the folders of
# the machine that somebody works on mean nothing to anybody else.
REGISTRIES = r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|deb\.debian\.org"
MACHINE = r"/(?:work/(?:main|wt|shared|steering)|tmp/(?:dev|bash_jobs)|root)/"


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_a_registry_or_a_place_of_one_machine() -> None:
    forbidden = re.compile(f"{REGISTRIES}|{MACHINE}".encode())
    assert [str(path.relative_to(ROOT)) for path in tracked() if forbidden.search(path.read_bytes())] == []


def test_no_file_is_large() -> None:
    assert [str(path.relative_to(ROOT)) for path in tracked() if path.stat().st_size > BYTES_MAX] == []


def test_nothing_is_left_for_later_in_a_comment() -> None:
    marks = re.compile(rb"\b(?:TODO|FIXME|XXX)\b")
    python = [path for path in tracked() if path.suffix == ".py" and path != Path(__file__)]
    assert [str(path.relative_to(ROOT)) for path in python if marks.search(path.read_bytes())] == []
