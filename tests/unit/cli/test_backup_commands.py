"""`pioche backup`, `restore` and `migrate-storage` as scripts use them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pioche import config
from pioche.accounts.callers import Caller
from pioche.cli import main
from pioche.config import Config
from pioche.processes import lock
from pioche.storage.blobs import blob_key
from tests.backups import fill
from tests.core import Core
from tests.databases import SqliteTemplate

Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def filled(sqlite_template: SqliteTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A hub with something in it, which commands take for theirs."""
    monkeypatch.chdir(tmp_path)
    found = sqlite_template.config(tmp_path / "data")
    core = Core(found)
    fill(core, core.user("ada"))
    core.close()
    monkeypatch.setenv("PIOCHE_DATA_DIR", str(found.data_dir))
    return found


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Exit code, what was printed as JSON, standard error."""

    def call(*arguments: str) -> tuple[int, Any, str]:
        code = main([*arguments, "--json"])
        printed = capsys.readouterr()
        return code, json.loads(printed.out) if printed.out.strip() else None, printed.err

    return call


def test_backup_list_and_restore(filled: Config, run: Run, tmp_path: Path) -> None:
    code, made, _ = run("backup", "copies", "--keep", "2")
    assert (code, made["damaged"], made["pruned"]) == (0, [], [])
    assert made["copied_files"] == made["files"] == 5
    code, listed, _ = run("backup", "copies", "--list")
    assert [each["id"] for each in listed] == [made["id"]]
    box = tmp_path / "box"
    code, restored, _ = run("restore", "copies", "--data-dir", str(box))
    assert (code, restored["id"], restored["whole"]) == (0, made["id"], True)
    code, _, said = run("restore", "copies", "--data-dir", str(box))
    assert (code, "not empty" in said) == (1, True)


def test_damage_is_told_by_the_exit_code(filled: Config, run: Run, tmp_path: Path) -> None:
    core = Core(filled)
    account = core.hub.directory.get("ada")
    core.accounts["ada"] = account
    ada = Caller(account.id, "ada", may_write=True, is_admin=False)
    lost = core.upload(core.open(ada, "ada/words"), ada, b"lost")
    core.close()
    (filled.data_dir / blob_key(lost)).unlink()
    code, made, _ = run("backup", "copies")
    assert (code, [each["key"] for each in made["damaged"]]) == (1, [blob_key(lost)])
    code, restored, _ = run("restore", "copies", "--data-dir", str(tmp_path / "box"))
    assert (code, [each["key"] for each in restored["damaged"]]) == (1, [blob_key(lost)])


def test_a_hub_that_runs_is_not_restored_into_and_its_rows_do_not_move(
    filled: Config, run: Run, tmp_path: Path
) -> None:
    assert run("backup", "copies")[0] == 0
    box = config.load({"data_dir": tmp_path / "box"})
    box.data_dir.mkdir()
    with lock.held(box):
        code, _, said = run("restore", "copies", "--data-dir", str(box.data_dir))
    assert (code, "in use" in said) == (2, True)
    with lock.held(filled):
        code, _, said = run("migrate-storage", "--to-database-url", "postgresql://localhost/x")
    assert (code, "stop it" in said) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 1, "what to move"),
        (["--to-storage-url", "disk"], 1, "there already"),
        (["--to-database-url", "sqlite"], 1, "there already"),
        (["--to-storage-url", "ftp://x"], 2, "storage_url"),
        (["--to-database-url", "mysql://x"], 2, "database_url"),
    ],
)
def test_what_cannot_be_moved_is_said(filled: Config, run: Run, arguments: list[str], code: int, said: str) -> None:
    found, _, text = run("migrate-storage", *arguments)
    assert (found, said in text) == (code, True), text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["backup", "data/copies"], 2, "in the data folder"),
        (["backup", "ftp://x"], 2, "storage_url"),
        (["restore", "nowhere", "--data-dir", "box"], 1, "no finished backup"),
    ],
)
def test_places_that_will_not_do_are_named(
    filled: Config, run: Run, arguments: list[str], code: int, said: str
) -> None:
    found, _, text = run(*arguments)
    assert (found, said in text) == (code, True), text
