"""`pioche fsck` over both databases: what is sound is whole, and damage of many kinds at once is told and repaired."""

from collections.abc import Iterator

import pytest

from pioche.config import Config
from tests.damage import CHUNKED, DAMAGES, IN_BUCKET, TWIN, WHOLE, World

# Of rows, each without touching another's: what the two databases could see differently.
_TOGETHER = (
    "index-dropped", "redirect-to-nowhere", "key-gone", "commit-beside-a-tag-wrong", "log-ends-elsewhere",
    "entry-gone", "card-forgotten", "pointer-forgotten", "row-of-a-large-file-gone", "link-of-a-bucket-gone",
    "row-of-a-chunked-file-gone", "index-of-chunks-wrong", "link-to-a-xorb-gone", "quarantined-bytes-gone",
    "upload-expired", "lease-of-a-dead-process",
)  # fmt: skip


@pytest.fixture
def world(config: Config) -> Iterator[World]:
    world = World(config)
    yield world
    world.close()


def test_a_sound_hub_is_whole(world: World) -> None:
    report = world.fsck()
    assert report.findings == ()
    assert report.is_whole
    assert report.looked_at == {
        "large files": 2, "xorbs": 3, "files kept as chunks": 3, "repos": 3, "refs": 4, "pointers": 3, "entries": 10,
    }  # fmt: skip


def test_j6_many_kinds_of_damage_at_once(world: World) -> None:
    damages = [damage for damage in DAMAGES if damage.name in _TOGETHER]
    assert len(damages) == len(_TOGETHER)
    for damage in damages:
        damage.do(world)
    assert {damage.kind for damage in damages} <= set(world.kinds())
    world.fsck(repair=True)
    assert world.fsck().findings == ()
    for data in (WHOLE, TWIN, CHUNKED):
        assert world.read(data) == data
    assert world.read(IN_BUCKET, world.bucket) == IN_BUCKET


def test_one_repo_alone(world: World) -> None:
    world.execute("DELETE FROM entries WHERE path = 'a/b'")
    world.blob(WHOLE).unlink()
    world.path("blobs/00/00").mkdir(parents=True)
    assert world.kinds_of(world.repo) == ["blob-missing", "entries"]
    assert world.kinds_of(world.bucket) == []
