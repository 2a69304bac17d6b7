"""J2, J5: `pioche doctor` says on one page how an installation is, and exactly what is missing."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pioche.cli import main
from pioche.config import Config
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.spaces.builds import building
from pioche.storage.blobs import blob_key
from tests.damage import WHOLE, World, sha256
from tests.letterbox import letterbox
from tests.stored import age, flip


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command; its exit code and its answers by topic."""
    monkeypatch.chdir(tmp_path)

    def run(data_dir: Path) -> tuple[int, dict[str, dict[str, str]]]:
        code = main(["doctor", "--json", "--data-dir", str(data_dir)])
        printed = capsys.readouterr()
        assert printed.err == ""
        return code, {answer["topic"]: answer for answer in json.loads(printed.out)}

    return run


def wrong(answers: dict[str, dict[str, str]]) -> list[str]:
    return sorted(topic for topic, answer in answers.items() if answer["state"] == "bad")


def test_a_sound_installation(sound_world: World, doctor: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code, answers = doctor(sound_world.config.data_dir)
    assert wrong(answers) in ([], ["file system"])  # where tests are in memory
    assert code == (1 if wrong(answers) else 0)
    for topic in (
        "version", "settings", "mail", "data folder", "free space", "file system", "disk", "clock", "open files", "git", "hub",
        "database", "schema", "stored bytes", "jobs", "leases", "quarantine", "scrub", "backup",
    ):  # fmt: skip
        assert answers[topic]["text"], topic
    main(["doctor", "--data-dir", str(sound_world.config.data_dir)])
    assert "good" in capsys.readouterr().out


def test_j2_the_mail_server_is_asked_whether_it_lets_the_hub_in(
    tmp_path: Path, doctor: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with letterbox() as box:
        for key, value in box.settings.items():
            monkeypatch.setenv(f"PIOCHE_{key.upper()}", str(value))
        assert doctor(tmp_path)[1]["mail"]["state"] == "good"
        assert main(["mail", "test", "ada@example.org", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"address": "ada@example.org"}
        box.refusals = {"bob@example.org": "550 No such user"}
        assert main(["mail", "test", "bob@example.org"]) == 1
        assert "550 No such user" in capsys.readouterr().err
    assert [one["To"] for one in box.letters] == ["ada@example.org"]
    assert doctor(tmp_path)[1]["mail"]["state"] == "bad"
    monkeypatch.delenv("PIOCHE_MAIL_HOST")
    monkeypatch.delenv("PIOCHE_MAIL_FROM")
    assert main(["mail", "test", "ada@example.org"]) == 1
    assert "sends no mail" in capsys.readouterr().err


def test_j2_whether_apps_of_spaces_can_be_built(tmp_path: Path, doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIOCHE_SPACES_INDEX_URL", "https://user:s3cret@index.example/simple")
    answer = doctor(tmp_path)[1]["builds"]
    assert "s3cret" not in str(answer)
    if building.missing(Config(spaces_index_url="https://index.example")):
        assert (answer["state"], "uv is not installed" in answer["text"]) == ("note", True)
    else:
        assert answer["text"].startswith("Apps of Spaces are built with Python 3.")


def test_j2_bytes_older_than_the_database(sound_world: World, doctor: Any) -> None:
    data_dir = sound_world.config.data_dir
    sound_world.commit({"new.txt": b"new"})
    newest = sound_world.packs()[-1]
    newest.unlink()
    newest.with_suffix(".idx").unlink()
    sound_world.blob(WHOLE).unlink()
    code, answers = doctor(data_dir)
    told = answers["stored bytes"]
    assert (code, told["state"]) == (1, "bad")
    assert told["text"].startswith("2 things are missing or wrong: ")
    assert f"{blob_key(sha256(WHOLE))} (blob-missing)" in told["text"]
    assert "ada/words refs/heads/main (ref-target)" in told["text"]


def test_j2_a_database_older_than_the_bytes(sound_world: World, doctor: Any, tmp_path: Path) -> None:
    data_dir = sound_world.config.data_dir
    sound_world.close()
    shutil.copy(data_dir / "pioche.db", tmp_path / "monday.db")
    later = World.over(sound_world.config)
    repo = later.core.repo(later.ada, "ada/newer")
    later.core.commit(
        repo, later.ada, {"new.txt": b"new", "new.bin": later.core.upload(repo, later.ada, b"new " * 9000)}
    )
    later.close()
    age(later.blob(b"new " * 9000))
    for suffix in ("-wal", "-shm"):
        Path(f"{data_dir}/pioche.db{suffix}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "monday.db", data_dir / "pioche.db")
    _, answers = doctor(data_dir)
    told = answers["unknown bytes"]
    assert answers["stored bytes"]["state"] == "good"
    assert told["state"] == "note"
    assert f"git/{repo.stores.git.path(repo.uid).parent.name}/{repo.uid}.git (orphaned-folder)" in told["text"]
    assert "blobs/ (orphaned-bytes)" in told["text"]
    assert "older than the bytes" in told["advice"]


def test_what_is_wrong_is_told(sound_world: World, doctor: Any) -> None:
    job = {
        "kind": "gc",
        "key": "",
        "payload": "{}",
        "state": "failed",
        "error": "it broke",
        "run_at": 1,
        "created_at": 1,
    }
    sound_world.execute(schema.jobs.insert().values(job))
    sound_world.execute(schema.events.insert().values(kind="x", payload="{}", at=now_ms() + 3_600_000, txid=0))
    sound_world.execute(schema.contents.update().where(schema.contents.c.sha256 == sha256(WHOLE)).values(kind="lost"))
    _, answers = doctor(sound_world.config.data_dir)
    assert {"jobs", "clock of rows", "quarantine", "stored bytes"} <= set(wrong(answers))
    assert "1 gc" in answers["jobs"]["text"]


def test_a_database_that_is_damaged_or_newer(sound_world: World, doctor: Any) -> None:
    data_dir = sound_world.config.data_dir
    sound_world.execute("UPDATE alembic_version SET version_num = '9999'")
    _, answers = doctor(data_dir)
    assert "newer Pioche" in answers["schema"]["text"]
    sound_world.close()
    flip(data_dir / "pioche.db", at=5)
    code, answers = doctor(data_dir)
    assert (code, answers["database"]["state"]) == (1, "bad")


def test_j5_a_wrong_setting_is_named(sound_world: World, doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIOCHE_PORT", "many")
    code, answers = doctor(sound_world.config.data_dir)
    assert (code, answers["settings"]["state"]) == (1, "bad")
    assert "PIOCHE_PORT" in answers["settings"]["text"]


def test_where_there_is_no_hub(doctor: Any, tmp_path: Path) -> None:
    code, answers = doctor(tmp_path / "none")
    assert (code, "database" in wrong(answers), "data folder" in wrong(answers)) == (1, True, True)
    assert not (tmp_path / "none").exists()


def test_a_backup_is_noted(sound_world: World, doctor: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, answers = doctor(sound_world.config.data_dir)
    assert answers["backup"]["state"] == "note"
    assert main(["backup", str(tmp_path / "backups"), "--data-dir", str(sound_world.config.data_dir)]) == 0
    capsys.readouterr()
    _, answers = doctor(sound_world.config.data_dir)
    assert answers["backup"]["state"] == "good"
