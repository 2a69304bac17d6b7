"""Which packs hold something dead, and how much: over packs of our own writing and of git's."""

import os
import subprocess
from pathlib import Path

import pytest

from pioche.git import pruning
from pioche.git.objects import NewObject, object_id
from pioche.git.packs import write_pack
from pioche.git.program import GitFailed
from pioche.git.pruning import Reached
from pioche.git.snapshot import Snapshot
from pioche.names import Oid

LATER = 2**60


def blobs(count: int, size: int = 1000) -> list[NewObject]:
    return [("blob", os.urandom(size)) for _ in range(count)]


def names(objects: list[NewObject]) -> list[Oid]:
    return [object_id(kind, data) for kind, data in objects]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "repo")], check=True)
    return tmp_path / "repo"


def put(folder: Path, objects: list[NewObject]) -> Path:
    return folder / "objects" / "pack" / f"pack-{write_pack(folder / 'objects' / 'pack', objects)}.pack"


def test_a_set_of_ids_by_half_of_each() -> None:
    known, others = names(blobs(500)), names(blobs(500))
    reached = Reached(known)
    assert all(bytes.fromhex(oid) in reached for oid in known)
    assert not any(bytes.fromhex(oid) in reached for oid in others)
    assert b"\0" * 20 not in Reached([])
    assert bytes.fromhex(known[0][:16] + "0" * 24) in reached


def test_a_survey_counts_what_is_dead(folder: Path) -> None:
    alive, dead = blobs(3), blobs(5, 4000)
    whole, mixed, fine = put(folder, dead[:2]), put(folder, [*alive, *dead[2:]]), put(folder, blobs(1))
    reached = Reached([*names(alive), *_of(fine)])
    found = {pack.path: pack for pack in pruning.survey(folder, reached, modified_before=LATER)}
    assert found.keys() == {whole, mixed}
    assert (found[whole].live, found[whole].dead) == (0, 2)
    assert found[whole].dead_bytes == found[whole].bytes - 12 - 20  # all but header and trailer
    assert (found[mixed].live, found[mixed].dead) == (3, 3)
    assert 12_000 < found[mixed].dead_bytes < 12_200
    assert list(pruning.survey(folder, reached, modified_before=0)) == []


def _of(pack: Path) -> list[Oid]:
    index = pack.with_suffix(".idx").read_bytes()
    done = subprocess.run(["git", "show-index"], input=index, capture_output=True, check=True)
    return [Oid(line.split()[1].decode()) for line in done.stdout.splitlines()]


def test_a_pack_is_written_anew_with_what_is_alive(folder: Path, tmp_path: Path) -> None:
    alive, dead = blobs(4), blobs(4)
    put(folder, [*alive, *dead])
    reached = Reached(names(alive))
    (pack,) = pruning.survey(folder, reached, modified_before=LATER)
    with Snapshot(tmp_path / "scratch", folder, {}) as snapshot:
        new = pruning.rewrite(snapshot.path, pack, reached)
        assert sorted(_of(new)) == sorted(names(alive))
    pruning.remove([pack.path])
    assert list((folder / "objects" / "pack").iterdir()) == []
    pruning.remove([pack.path])


def test_an_index_of_another_kind_is_refused(folder: Path) -> None:
    pack = put(folder, blobs(2))
    index = pack.with_suffix(".idx")
    data = index.read_bytes()
    index.chmod(0o644)
    index.write_bytes(b"\0" * 8 + data[8:])
    with pytest.raises(GitFailed):
        list(pruning.survey(folder, Reached([]), modified_before=LATER))
