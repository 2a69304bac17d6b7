"""H-RUN-5: two tenants' models in forks of one process that has loaded the libraries. Neither reaches the other."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pioche.errors import SandboxTooWeak
from pioche.runner import landlock
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import Level, Limits
from pioche.runner.zygotes import Zygote
from tests import forked
from tests.sandboxed import everybody

_WHO = {who.name: who for who in everybody()}


@pytest.fixture(
    scope="module", params=[(name, level) for name in _WHO for level in (Level.NAMESPACES, Level.FULL)], ids=str
)
def found(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    name, level = request.param
    who = _WHO[name]
    if not landlock.keeps_signals_in():
        pytest.skip("this machine has no Landlock that keeps signals in")
    folder = Path(tempfile.mkdtemp(prefix="forks-"))
    try:
        folder.chmod(0o755)
        os.chown(folder, who.user, who.user)
        if level not in who.levels(folder / "levels"):
            pytest.skip(f"this machine has no level {level.word} for {name}")
        (folder / "story").mkdir()
        (folder / "story").chmod(0o755)
        os.chown(folder / "story", who.user, who.user)
        done = subprocess.run(
            [*who.command()[:-1], forked.__file__, str(folder / "story"), str(int(level))],
            capture_output=True, text=True, timeout=120, check=False, env=who.environment(), cwd="/",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout) | {"wanted": level}
    finally:
        shutil.rmtree(folder)


def test_h_run_5_a_fork_serves_its_own_snapshot(found: dict[str, Any]) -> None:
    assert found["level"] == found["wanted"]
    assert found["attack"]["reads its own"] == "of a"
    assert found["attack"]["writes its scratch"] == "1"
    assert found["attack"]["tells its environment"].count("'") == 12  # OWN, and five that everybody has
    assert "asked attack" in found["log"]
    assert found["pids"] == [True, True]
    assert 0 < found["memory"] < 2**26


def test_h_run_5_forks_share_what_their_zygote_loaded(found: dict[str, Any]) -> None:
    assert found["again"] == found["attack"]["tells its zygote"]


def test_h_run_5_a_fork_reaches_neither_another_nor_the_zygote(found: dict[str, Any]) -> None:
    harmless = {"reads its own", "writes its scratch", "tells its zygote", "tells its environment", "kills everybody"}
    tried = {name: answer for name, answer in found["attack"].items() if name not in harmless}
    assert {name: answer for name, answer in tried.items() if not answer.startswith("refused")} == {}


def test_h_run_5_a_fork_ends_alone(found: dict[str, Any]) -> None:
    assert found["bomb"]["reason"] == "killed: used more than 64 MiB of memory"
    assert found["the other lives"]
    assert found["asked to end"] == "ended: the hub asked for it"


def test_h_run_5_nothing_is_left(found: dict[str, Any]) -> None:
    assert found["processes left"] <= 3  # bwrap twice, and the zygote
    assert found["left in runs"] == 0


def test_h_run_5_where_forks_cannot_be_kept_apart_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(SandboxTooWeak, match="Landlock"):
        Zygote(Sandbox(tmp_path / "runs", most=Level.LIMITS), tmp_path, (), Limits())
