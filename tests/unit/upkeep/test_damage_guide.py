"""docs/guide/damage.md lists every kind of damage, as the code has it."""

from pathlib import Path

from pioche.upkeep.fsck.kinds import KINDS

GUIDE = Path(__file__).parents[3] / "docs/guide/damage.md"


def test_every_kind_is_in_the_guide_with_its_words() -> None:
    lines = {line.split("`")[1]: line for line in GUIDE.read_text().splitlines() if line.startswith("| `")}
    assert list(lines) == [kind.code for kind in KINDS if kind.damage] + [
        kind.code for kind in KINDS if not kind.damage
    ]
    for kind in KINDS:
        assert kind.meaning in lines[kind.code]
        assert kind.repair in lines[kind.code]


def test_whoever_finds_damage_learns_what_to_do() -> None:
    assert all(kind.repair or kind.manual for kind in KINDS)
