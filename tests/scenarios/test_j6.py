"""J6: a deliberately damaged instance is diagnosed by `pioche fsck`, each damage by its own kind, and repaired or explained."""

from dataclasses import replace

import pytest

from pioche.db import schema
from pioche.storage.blobs import blob_key
from pioche.upkeep.fsck.database import page_faults
from pioche.upkeep.fsck.examination import examine
from pioche.upkeep.fsck.kinds import KINDS
from tests.damage import CHUNKED, DAMAGES, IN_BUCKET, TWIN, WHOLE, Damage, World, sha256

_ELSEWHERE = {"database-pages", "orphaned-bytes", "failed-job", "undo-object"}  # below and in test_fsck_command

_SOON_ON_A_CLUSTER = {
    "redirect-to-nowhere", "row-of-a-large-file-gone", "blob-gone", "blob-cut-off",
    "blob-bit-flipped-that-is-there-as-chunks", "xorb-bit-flipped", "shard-bit-flipped", "pack-damaged",
}  # fmt: skip
"""What `make test` tries on PostgreSQL and S3: what a store and a database could see in their own way. `make faults` tries all."""

_CASES = [
    *(pytest.param("disk", damage, id=damage.name) for damage in DAMAGES),
    *(
        pytest.param(
            "cluster",
            damage,
            id=f"{damage.name}-cluster",
            marks=() if damage.name in _SOON_ON_A_CLUSTER else pytest.mark.long,
        )
        for damage in DAMAGES
    ),
]


@pytest.mark.parametrize(("sound_world", "damage"), _CASES, indirect=["sound_world"])
def test_j6_damage_is_told_by_its_kind_and_repaired_or_explained(sound_world: World, damage: Damage) -> None:
    world = sound_world
    damage.do(world)
    report = world.fsck(repair=True)
    found = [finding for finding in report.findings if finding.kind == damage.kind]
    assert found, report.findings
    assert all(finding.meaning for finding in found)
    if damage.by_hand is not None:
        assert not report.is_whole
        assert all(finding.advice for finding in report.findings if finding.is_open_damage)
        damage.by_hand(world)
        if damage.anew:
            world.fsck(repair=True)
    last = world.fsck()
    assert last.is_whole, last.findings
    assert damage.kind not in {finding.kind for finding in last.findings}
    for data in (WHOLE, TWIN, CHUNKED):
        assert world.read(data) == data
    assert world.read(IN_BUCKET, world.bucket) == IN_BUCKET


both = pytest.mark.parametrize("sound_world", ["disk", "cluster"], indirect=True)


@both
def test_j6_bytes_that_nobody_knows_are_told_and_are_no_damage(sound_world: World) -> None:
    key = blob_key(sha256(b"nobody's"))
    sound_world.core.hub.blobs.put_bytes(key, b"nobody's")
    at_once = replace(sound_world.scene(), grace_ms=-60_000)  # an object in a bucket cannot be made older
    report = examine(at_once, deep=False, repair=True)
    assert [finding.kind for finding in report.findings] == ["orphaned-bytes"]
    assert key in report.findings[0].detail
    assert report.is_whole
    assert sound_world.stored(key).exists()
    assert sound_world.fsck().findings == (), "an upload may take its time"


@both
def test_j6_a_job_that_was_given_up_is_told_and_is_no_damage(sound_world: World) -> None:
    job = {"kind": "gc", "key": "", "payload": "{}", "state": "failed", "error": "it broke", "run_at": 1}
    sound_world.execute(schema.jobs.insert().values(**job, created_at=1))
    (found,) = sound_world.fsck(repair=True).findings
    assert (found.kind, found.detail, found.is_open_damage) == ("failed-job", "it broke", False)


@pytest.mark.parametrize("sound_world", ["cluster"], indirect=True)
def test_j6_postgresql_looks_after_its_own_pages(sound_world: World) -> None:
    """`database-pages` is SQLite's: a server has checksums of its own, and its files are not on the hub's disk. A page
    that it cannot read is an error of the hub's, like a server that is away (A12)."""
    assert page_faults(sound_world.core.hub.database) == []


def test_every_kind_has_a_damage_of_its_own() -> None:
    assert {damage.kind for damage in DAMAGES} == {kind.code for kind in KINDS} - _ELSEWHERE
    assert len({kind.code for kind in KINDS if kind.damage}) >= 20
