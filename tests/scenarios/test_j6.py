"""J6: a deliberately damaged instance is diagnosed by `pioche fsck`, each damage by its own kind, and repaired or explained."""

import pytest

from pioche.upkeep.fsck.kinds import KINDS
from tests.damage import CHUNKED, DAMAGES, IN_BUCKET, TWIN, WHOLE, Damage, World

_ELSEWHERE = {"database-pages", "orphaned-bytes", "failed-job", "undo-object"}  # test_fsck_command


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
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


def test_every_kind_has_a_damage_of_its_own() -> None:
    assert {damage.kind for damage in DAMAGES} == {kind.code for kind in KINDS} - _ELSEWHERE
    assert len({kind.code for kind in KINDS if kind.damage}) >= 20
