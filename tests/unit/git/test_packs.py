import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pioche.git.objects import NewObject, object_id
from pioche.git.packs import write_pack


def test_git_reads_what_we_write(tmp_path: Path) -> None:
    objects: list[NewObject] = [("blob", bytes([n % 251]) * n) for n in (0, 1, 15, 16, 2047, 2048, 300_000)]
    name = write_pack(tmp_path, objects)
    listed = subprocess.run(
        ["git", "verify-pack", "-v", str(tmp_path / f"pack-{name}.idx")], check=True, capture_output=True, text=True
    ).stdout
    for kind, data in objects:
        assert f"{object_id(kind, data)} {kind}" in listed
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"pack-{name}.idx", f"pack-{name}.pack"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=40))
def test_our_index_is_the_one_git_makes(tmp_path: Path, blobs: list[bytes]) -> None:
    name = write_pack(tmp_path, [("blob", data) for data in blobs])
    pack = tmp_path / f"pack-{name}.pack"
    again = tmp_path / "again.idx"
    again.unlink(missing_ok=True)
    subprocess.run(["git", "index-pack", "-o", str(again), str(pack)], check=True, capture_output=True)
    assert again.read_bytes() == pack.with_suffix(".idx").read_bytes()


def test_an_object_given_twice_is_stored_once(tmp_path: Path) -> None:
    write_pack(tmp_path, [("blob", b"x"), ("blob", b"x")])
    (pack,) = tmp_path.glob("*.pack")
    assert pack.read_bytes()[8:12] == b"\0\0\0\1"


def test_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        write_pack(tmp_path, [])
