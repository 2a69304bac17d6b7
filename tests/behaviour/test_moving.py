"""Moving the bytes and the rows of a hub, interrupted and resumed (J3)."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pioche import app
from pioche.accounts.callers import Caller
from pioche.config import Config, prepare_data_dir
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import Conflict, Corrupt
from pioche.storage.blobs import blob_key
from pioche.storage.blobs.local import LocalBlobs
from pioche.upkeep import moving, rows
from pioche.upkeep.backups import copying, making, restoring
from pioche.upkeep.backups.places import Place
from tests.backups import LARGE, fill
from tests.core import Core, text
from tests.databases import Postgres, SqliteTemplate
from tests.objectstore import ObjectStore


@pytest.fixture
def filled(core: Core, ada: Caller) -> Core:
    return fill(core, ada)


@pytest.fixture
def other(config: Config, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Config]:
    """The same data folder with an empty database of the other engine."""
    if config.database_is_sqlite:
        postgres: Postgres = request.getfixturevalue("postgres")
        with postgres.config(config.data_dir) as found:
            yield found
        return
    template: SqliteTemplate = request.getfixturevalue("sqlite")
    yield template.config(config.data_dir)


@contextmanager
def opened(config: Config) -> Iterator[Database]:
    database = Database(config)
    try:
        yield database
    finally:
        database.close()


def test_j3_the_rows_move_and_everything_is_valid_as_before(filled: Core, ada: Caller, other: Config) -> None:
    token, _ = filled.hub.directory.tokens.create(filled.accounts["ada"])
    filled.hub.catalog.alias("old-words", filled.open(ada, "ada/words").repo_id)
    with opened(other) as target:
        total = moving.move_rows(filled.hub.database, target)
        assert total > 10
        assert moving.move_rows(filled.hub.database, target) == total, "done already: only compared"
    moved = Core(other)
    try:
        repo = moved.open(ada, "ada/words")
        assert repo.id == filled.open(ada, "ada/words").id
        assert text(repo, "large.bin") == LARGE
        assert moved.open(ada, "old-words").id == repo.id
        moved.commit(repo, ada, {"more.txt": b"written at the new place"})
        assert text(repo, "more.txt") == b"written at the new place"
        with moved.hub.database.read() as connection:
            assert rows.count(connection, schema.tokens) == 1
        assert token
    finally:
        moved.close()


def test_j3_rows_that_were_half_way_are_not_there(filled: Core, other: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(other) as target:
        with monkeypatch.context() as patch:
            patch.setattr(rows.Filling, "finish", _broken)
            with pytest.raises(OSError, match="unplugged"):
                moving.move_rows(filled.hub.database, target)
        with target.read() as connection:
            assert rows.is_empty(connection)
        assert moving.move_rows(filled.hub.database, target) > 10


def _broken(*_: object) -> None:
    raise OSError("unplugged")


def test_rows_that_differ_afterwards_are_told_of(filled: Core, ada: Caller, other: Config) -> None:
    with opened(other) as target:
        moving.move_rows(filled.hub.database, target)
        filled.repo(ada, "ada/late")
        with pytest.raises(Corrupt, match=r"accounts|repos|events"):
            moving.move_rows(filled.hub.database, target)


def test_another_hubs_database_is_left_alone(filled: Core, other: Config) -> None:
    eve = Core(other)
    eve.user("eve")
    with pytest.raises(Conflict, match="another hub"):
        moving.move_rows(filled.hub.database, eve.hub.database)
    eve.close()


# --- bytes -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "store").mkdir()
    return Place(LocalBlobs(tmp_path / "store"), tmp_path / "store" / "incoming")


def move(core: Core, place: Place) -> moving.MovedBytes:
    return moving.move_bytes(core.hub.database, app.open_blobs(core.hub.config), place)


def test_j3_bytes_move_interrupted_and_resumed(
    filled: Core, ada: Caller, place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repo = filled.open(ada, "ada/words")
    names = [filled.upload(repo, ada, b"%d" % number * 100) for number in range(20)]
    with monkeypatch.context() as patch:
        patch.setattr(copying, "copy_or_tell", _broken_after(copying.copy_or_tell, 7))
        with pytest.raises(OSError, match="unplugged"):
            move(filled, place)
    moved = move(filled, place)
    assert moved.damaged == []
    assert moved.total_count == 21
    assert 0 < moved.copied_count < 21
    for name in names:
        assert (tmp_path / "store" / blob_key(name)).read_bytes() == (
            filled.hub.config.data_dir / blob_key(name)
        ).read_bytes()
    # What is wrong there is found and put right.
    (tmp_path / "store" / blob_key(names[0])).write_bytes(b"x" * 100)
    assert move(filled, place).copied_count == 1
    assert (tmp_path / "store" / blob_key(names[0])).read_bytes() == b"0" * 100


def _broken_after(function: Any, count: int) -> Any:
    calls: list[int] = []

    def call(*arguments: object) -> object:
        calls.append(1)
        if len(calls) > count:
            raise OSError("unplugged")
        return function(*arguments)

    return call


def test_j3_damaged_bytes_are_told_of(filled: Core, ada: Caller, place: Place) -> None:
    lost = filled.upload(filled.open(ada, "ada/words"), ada, b"lost")
    (filled.hub.config.data_dir / blob_key(lost)).unlink()
    assert [damaged.key for damaged in move(filled, place).damaged] == [blob_key(lost)]


# --- an object store -------------------------------------------------------------------------------------------------


def settings_of(store: ObjectStore) -> dict[str, Any]:
    return {**store.settings()}


def test_j3_to_an_object_store_and_back(filled: Core, ada: Caller, object_store: ObjectStore) -> None:
    """The hub on the store gives the same bytes; then back into a folder that has none."""
    before = filled.hub.config
    there = replace(before, **settings_of(object_store))
    moved = moving.move_bytes(
        filled.hub.database, app.open_blobs(before), app.moving_place(replace(there, storage_url=""), there.storage_url)
    )
    assert (moved.damaged, moved.copied_count) == ([], moved.total_count)
    shutil.rmtree(before.data_dir / "blobs")
    on_the_store = Core(there)
    repo = on_the_store.open(ada, "ada/words")
    assert text(repo, "large.bin") == LARGE
    on_the_store.upload(repo, ada, b"uploaded to the store")
    back = moving.move_bytes(on_the_store.hub.database, app.open_blobs(there), app.moving_place(there, ""))
    assert (back.damaged, back.copied_count) == ([], moved.copied_count + 1)
    on_the_store.close()
    assert text(filled.open(ada, "ada/words"), "large.bin") == LARGE


def test_j1_a_backup_in_an_object_store(filled: Core, object_store: ObjectStore, tmp_path: Path) -> None:
    config = replace(filled.hub.config, **settings_of(object_store))
    url, settings = config.storage_url, replace(config, storage_url="")
    source = app.backup_source(settings, filled.hub.database)
    made = making.make(source, app.backup_place(settings, url))
    assert made.generation.damaged == []
    assert making.make(source, app.backup_place(settings, url), keep=1).copied_count == 0
    target = Config(data_dir=tmp_path / "restored")
    prepare_data_dir(target)
    with opened(target) as database:
        place = app.backup_place(replace(settings, data_dir=target.data_dir), url)
        assert restoring.restore(app.restore_target(target, database), place).damaged == []
    again = Core(target)
    ada = Caller(filled.accounts["ada"].id, "ada", may_write=True, is_admin=False)
    assert text(again.open(ada, "ada/words"), "large.bin") == LARGE
    again.close()
