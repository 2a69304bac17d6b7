"""`pioche facts`: tags and facts of all repos, or of some, derived anew."""

import json
from pathlib import Path

import pytest

from pioche.cli import main
from pioche.db import schema
from pioche.repos.facts import telling
from tests.core import Core
from tests.databases import SqliteTemplate
from tests.weights import safetensors


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Core:
    monkeypatch.chdir(tmp_path)
    config = SqliteTemplate(tmp_path / "template").config(tmp_path / "data")
    monkeypatch.setenv("PIOCHE_DATA_DIR", str(config.data_dir))
    return Core(config)


def test_facts_are_derived_for_all_repos_or_for_some(core: Core, capsys: pytest.CaptureFixture[str]) -> None:
    ada = core.user("ada")
    repos = [core.repo(ada, f"ada/{name}") for name in ("one", "two")]
    for repo in repos:
        core.commit(
            repo, ada, {"README.md": b"---\nlicense: mit\n---\n", "m.safetensors": safetensors({"a": ("I8", [7])})}
        )
    forget(core)
    assert main(["facts", "ada/two", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"derived": 1}
    assert [telling.get_sync(repo).parameters for repo in repos] == [None, 7]
    assert main(["facts", "--headers"]) == 0
    assert "The facts of 2 repos were derived." in capsys.readouterr().out
    assert [telling.get_sync(repo).parameters for repo in repos] == [7, 7]
    assert main(["facts", "ada/absent"]) == 1
    core.close()


def forget(core: Core) -> None:
    with core.hub.database.write() as connection:
        connection.execute(schema.facts.delete())
