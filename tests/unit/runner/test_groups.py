"""Control groups of version 2, in a folder that looks like one: the machine of the tests may have none."""

from pathlib import Path

import pytest

from pioche.runner import groups


@pytest.fixture
def hierarchy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As a unit of systemd with Delegate= and DelegateSubgroup= has it."""
    unit = tmp_path / "system.slice" / "pioche.service"
    (unit / "hub").mkdir(parents=True)
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (unit / "cgroup.subtree_control").write_text("memory pids\n")
    monkeypatch.setattr(groups, "_ROOT", tmp_path)
    monkeypatch.setattr(groups, "_own", lambda: "0::/system.slice/pioche.service/hub\n")
    return unit


def test_a_group_is_made_beside_the_hubs_own(hierarchy: Path) -> None:
    group = groups.make("abc", 100, 7)
    place = hierarchy / "pioche-abc"
    assert group.places == (place,)
    assert (place / "memory.max").read_text() == "100"
    assert (place / "pids.max").read_text() == "7"
    assert [name for name, _ in groups.leftovers()] == ["abc"]


def test_it_tells_of_memory_and_of_kills(hierarchy: Path) -> None:
    group = groups.make("abc", 100, 7)
    place = hierarchy / "pioche-abc"
    (place / "memory.current").write_text("5000\n")
    (place / "memory.stat").write_text("anon 4000\ninactive_file 1000\n")
    (place / "memory.events").write_text("low 0\noom 2\noom_kill 1\n")
    assert (group.memory(), group.kills()) == (4000, 1)


def test_nowhere_to_make_one_is_told(hierarchy: Path) -> None:
    (hierarchy / "cgroup.subtree_control").write_text("cpu\n")
    with pytest.raises(OSError, match="no control group can be made here"):
        groups.make("abc", 100, 7)


def test_a_share_of_the_cores_is_given_where_they_are_counted(hierarchy: Path) -> None:
    groups.make("abc", 100, 7, 0.5)
    assert not (hierarchy / "pioche-abc" / "cpu.max").exists()  # this unit was not given them
    place = hierarchy / "pioche-def"
    place.mkdir()
    (place / "cpu.max").write_text("max 100000\n")
    groups.make("def", 100, 7, 1.5)
    assert (place / "cpu.max").read_text() == "150000 100000"


def test_and_so_in_version_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("memory", "pids", "cpu"):
        (tmp_path / name / "hub").mkdir(parents=True)
    monkeypatch.setattr(groups, "_ROOT", tmp_path)
    monkeypatch.setattr(groups, "_own", lambda: "5:memory:/hub\n4:pids:/hub\n3:cpu,cpuacct:/hub\n0::/\n")
    place = tmp_path / "cpu" / "hub" / "pioche-abc"
    place.mkdir()
    for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us"):
        (place / name).write_text("-1")
    group = groups.make("abc", 100, 7, 0.25)
    assert [one.relative_to(tmp_path).parts[0] for one in group.places] == ["memory", "pids", "cpu"]
    assert (place / "cpu.cfs_quota_us").read_text() == "25000"
    assert (tmp_path / "pids" / "hub" / "pioche-abc" / "pids.max").read_text() == "7"
