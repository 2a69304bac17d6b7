"""`pioche fsck` as a command: exit codes, what it prints, the damages that need a database file of their own."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pioche.accounts.callers import Caller
from pioche.cli import main
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.repos import refs, undo
from pioche.repos.access import Action
from tests.damage import WHOLE, World
from tests.databases import SqliteTemplate
from tests.stored import age


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)
    world = World(SqliteTemplate(tmp_path / "template").config(tmp_path / "data"))
    monkeypatch.setenv("PIOCHE_DATA_DIR", str(world.config.data_dir))
    yield world
    world.close()


@pytest.fixture
def fsck(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command; its exit code and what it found."""

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = main(["fsck", *arguments, "--json"])
        printed = capsys.readouterr()
        assert printed.err == ""
        return code, json.loads(printed.out)

    return run


def test_a_whole_hub(world: World, fsck: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = fsck("--deep")
    assert (code, found["whole"], found["findings"]) == (0, True, [])
    assert found["looked_at"]["repos"] == 3
    assert main(["fsck"]) == 0
    assert "Whole: nothing is damaged." in capsys.readouterr().out


def test_damage_repair_and_what_a_person_has_to_do(world: World, fsck: Any, capsys: pytest.CaptureFixture[str]) -> None:
    world.blob(WHOLE).unlink()
    world.execute(schema.entries.delete().where(schema.entries.c.path == "a/b"))
    code, found = fsck()
    assert code == 1
    assert [(one["kind"], one["repaired"]) for one in found["findings"]] == [
        ("blob-missing", False),
        ("entries", False),
    ]
    assert "fsck --repair" in found["findings"][1]["advice"]
    code, found = fsck("--repair")
    assert (code, [one["repaired"] for one in found["findings"]]) == (1, [False, False, True])
    assert "whole.bin in ada/words" in found["findings"][0]["advice"]
    assert main(["fsck"]) == 1
    told = capsys.readouterr().out
    assert "content-lost" in told
    assert "Damage remains: 1 findings." in told
    world.core.upload(world.repo, world.ada, WHOLE)
    assert fsck()[0] == 0


def test_a_table_cuts_nothing_that_has_to_be_copied(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """However narrow the terminal is."""
    world.blob(WHOLE).unlink()
    assert main(["fsck"]) == 1
    assert world.key("blob", WHOLE) in capsys.readouterr().out
    world.core.hub.catalog.delete(world.ada, world.core.open(world.ada, "ada/untouched", Action.MANAGE))
    assert main(["repo", "deleted"]) == 0
    (deleted,) = undo.deleted_repos(world.core.hub.database, Caller.operator(), undo_hours=24)
    told = capsys.readouterr().out
    assert deleted.uid in told
    assert main(["repo", "reflog", "ada/words"]) == 0
    told = capsys.readouterr().out
    assert "refs/heads/main" in told
    assert world.second in told


def test_one_repo(world: World, fsck: Any, capsys: pytest.CaptureFixture[str]) -> None:
    world.execute(schema.entries.delete().where(schema.entries.c.path == "a/b"))
    assert fsck("--repo", "ada/untouched", "--repo", "buckets/ada/cold")[0] == 0
    assert fsck("--repo", "ada/words")[0] == 1
    assert main(["fsck", "--repo", "ada/absent"]) == 1
    assert "Repository not found" in capsys.readouterr().err


def test_where_there_is_no_hub(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fsck", "--data-dir", str(tmp_path / "none")]) == 2
    assert "no hub was ever started there" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def page_of(database: Path, name: str) -> tuple[int, int]:
    """Where the root page of a table or index begins, and the size of a page."""
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    return (root - 1) * size, size


def test_an_index_of_the_database_that_is_out_of_step(world: World, fsck: Any) -> None:
    world.close()
    path = world.config.data_dir / "pioche.db"
    with sqlite3.connect(path) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM pragma_index_list('accounts')")]
    connection.close()
    data = bytearray(path.read_bytes())
    for at, size in (page_of(path, name) for name in names):
        data[at : at + size] = data[at : at + size].replace(b"ada", b"adb")
    path.write_bytes(data)
    code, found = fsck()
    assert (code, [one["kind"] for one in found["findings"]]) == (1, ["database-pages"])
    code, found = fsck("--repair")
    assert (code, found["findings"][0]["repaired"]) == (0, True)
    assert fsck()[0] == 0


def test_a_damaged_page_of_the_database_is_explained(world: World, fsck: Any) -> None:
    world.close()
    path = world.config.data_dir / "pioche.db"
    at, size = page_of(path, "events")
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + b"\xff" * size + whole[at + size :])
    for arguments in ((), ("--repair",)):
        code, found = fsck(*arguments)
        (one,) = found["findings"]
        assert (code, one["kind"]) == (1, "database-pages")
    assert "pioche restore" in one["advice"]
    path.write_bytes(whole)  # the manual step
    assert fsck()[0] == 0


def test_what_lies_around_is_told_and_is_no_damage(world: World, fsck: Any) -> None:
    orphan = world.path("blobs/00/00/" + "0" * 64)
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"nobody's")
    age(orphan)
    job = {
        "kind": "gc",
        "key": "",
        "payload": "{}",
        "state": "failed",
        "error": "it broke",
        "run_at": 1,
        "created_at": 1,
    }
    world.execute(schema.jobs.insert().values(job))
    code, found = fsck("--repair")
    assert code == 0
    assert [one["kind"] for one in found["findings"]] == ["orphaned-bytes", "failed-job"]
    assert found["findings"][1]["detail"] == "it broke"
    assert orphan.exists()


def test_what_only_an_undo_needs_is_told_and_is_no_damage(world: World, fsck: Any) -> None:
    before = set(world.packs())
    world.core.commit(world.repo, world.ada, {"three.txt": b"three"}, revision="side")
    (pack,) = set(world.packs()) - before
    commit = refs.get(world.repo, "refs/heads/side").target
    world.repo.stores.git.write(world.repo.uid, [world.repo.objects.read(commit)])
    pack.with_suffix(".idx").unlink()
    pack.unlink()
    world.execute(schema.refs.delete().where(schema.refs.c.name == "refs/heads/side"))
    row = {"repo_id": world.repo.id, "ref": "refs/heads/side", "old": commit, "new": None, "at": now_ms()}
    world.execute(schema.reflog.insert().values(row))
    code, found = fsck()
    assert (code, {one["kind"] for one in found["findings"]}) == (0, {"undo-object"})


def test_a_file_of_the_cache_that_cannot_be_read(world: World, fsck: Any) -> None:
    (world.config.data_dir / "cache/loop").symlink_to("loop")
    code, found = fsck()
    assert (code, [one["kind"] for one in found["findings"]]) == (1, ["cache-damaged"])
    fsck("--repair")
    assert fsck()[0] == 0
