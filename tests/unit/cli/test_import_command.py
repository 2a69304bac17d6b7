"""`pioche import` as scripts use it."""

import io
import json
from pathlib import Path

import pytest

from pioche.cli import main
from tests.core import Core
from tests.databases import SqliteTemplate
from tests.gitserver import GitServer

SECRET = "glpat-V3ryS3cretIndeed"


def test_import_waits_until_the_repo_is_here(
    sqlite_template: SqliteTemplate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = sqlite_template.config(tmp_path / "data")
    core = Core(config)
    ada = core.user("ada")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIOCHE_DATA_DIR", str(config.data_dir))
    (tmp_path / "server").mkdir()
    with GitServer(tmp_path / "server", token=SECRET) as server:
        monkeypatch.setenv("PIOCHE_OUTBOUND_ALLOWED", server.allowed)
        server.repo("lab/tools.git", {"a.txt": b"1"}, branch="master", large={"w.bin": b"\0w" * 1000})
        arguments = ["import", server.url("lab/tools.git"), "datasets/ada/tools", "--user", "ada", "--json"]
        assert main(arguments) == 1
        assert "give a token" in capsys.readouterr().err
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
        arguments[2] = "datasets/ada/again"
        assert main([*arguments, "--token-stdin"]) == 0
        done = json.loads(capsys.readouterr().out)
    assert done == {"type": "dataset", "name": "ada/again", "notes": ["master → main"]}
    assert len(core.hub.imports.of_user(ada.user_id)) == 2
    core.close()
