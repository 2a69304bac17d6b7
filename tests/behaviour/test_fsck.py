"""`pioche fsck` over both databases: what is sound is whole, and damage of many kinds at once is told and repaired."""

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pioche.config import Config
from pioche.db import schema
from pioche.repos import allowances
from pioche.storage.blobs import blob_key, xorb_key
from tests.damage import CHUNKED, DAMAGES, IN_BUCKET, TWIN, WHOLE, World, sha256
from tests.databases import SqliteTemplate
from tests.objectstore import ObjectStore

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


def test_b2_what_git_held_before_it_was_counted_counts_after_a_repair(world: World) -> None:
    """As migration 0020 leaves a repo: its files in git stand for nothing in its owner's quota."""
    world.commit({"a/long.txt": b"0123456789abcdef" * 100_000})
    quotas = world.core.hub.quotas
    limits, owner = quotas.limits, world.core.hub.directory.get("ada")
    database = world.core.hub.database
    counted = allowances.of_account(database, limits, owner).used
    world.execute(schema.repos.update().values(git_storage=0))
    assert allowances.of_account(database, limits, owner).used <= counted - 1_600_000
    assert world.kinds() == ["used-storage"]
    world.fsck(repair=True)
    assert world.fsck().findings == ()
    assert abs(allowances.of_account(database, limits, owner).used - counted) < 1 << 14


def test_one_repo_alone(world: World) -> None:
    world.execute("DELETE FROM entries WHERE path = 'a/b'")
    world.blob(WHOLE).unlink()
    world.path("blobs/00/00").mkdir(parents=True)
    assert world.kinds_of(world.repo) == ["blob-missing", "entries"]
    assert world.kinds_of(world.bucket) == []


def test_while_the_hub_is_written_to_nothing_is_found(world: World) -> None:
    done = threading.Event()

    def write() -> None:
        for number in itertools.count():
            if done.is_set():
                return
            data = b"%d " % number * 3000
            world.commit(
                {f"n/{number % 7}.txt": b"%d" % number, "n/large.bin": world.core.upload(world.repo, world.ada, data)}
            )
            if number % 3 == 0:
                world.core.repo(world.ada, f"ada/new-{number}")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        reports = [world.fsck(deep=deep) for deep in (False, True, False)]
    finally:
        done.set()
        writer.join()
    assert [report.findings for report in reports] == [(), (), ()]
    assert world.fsck().findings == ()


def test_over_an_object_store(sqlite: SqliteTemplate, object_store: ObjectStore, tmp_path: Path) -> None:
    world = World(sqlite.config(tmp_path / "data", **object_store.settings()))
    try:
        blobs = world.core.hub.blobs
        assert not list(world.path("blobs").rglob("*/*"))
        assert world.fsck().findings == ()
        for key, data in ((blob_key(sha256(TWIN)), b"rotten" * 10_000), (blob_key(sha256(WHOLE)), WHOLE[:-1])):
            blobs.delete(key)
            blobs.put_bytes(key, data)
        blobs.delete(xorb_key(world.xorb_name(CHUNKED)))
        assert world.kinds() == ["blob-damaged", "blob-truncated", "xorb-missing"]
        report = world.fsck(repair=True)
        assert [finding.kind for finding in report.findings if not finding.repaired] == [
            "blob-truncated", "xorb-missing", "content-lost", "content-lost",
        ]  # fmt: skip
        assert world.read(TWIN) == TWIN
        world.core.upload(world.repo, world.ada, WHOLE)
        world.upload_chunks(world.repo, CHUNKED)
        assert world.fsck().is_whole
        assert [world.read(data) == data for data in (WHOLE, CHUNKED)] == [True, True]
    finally:
        world.close()
