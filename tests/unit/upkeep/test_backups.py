"""What a backup holds and what it leaves alone; what a restore refuses (J1, J2). Both databases: tests/behaviour."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pioche import app
from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.db import migrate, schema
from pioche.db.engine import Database
from pioche.errors import ConfigError, Conflict, Corrupt, NotFound
from pioche.jobs import leases
from pioche.jobs.leases import Busy
from pioche.storage.blobs import blob_key
from pioche.upkeep import rows
from pioche.upkeep.backups import generations, making, packs
from tests.backups import back_up, fill, restore
from tests.core import Core, text
from tests.databases import SqliteTemplate

Empty = Callable[[], Config]


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def empty(sqlite_template: SqliteTemplate, tmp_path: Path) -> Empty:
    """Prepared hubs to restore into."""
    return lambda: sqlite_template.config(tmp_path / f"restored-{len(list(tmp_path.glob('restored-*')))}")


@pytest.fixture
def core(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Core]:
    core = Core(sqlite_template.config(tmp_path / "data"))
    yield core
    core.close()


@pytest.fixture
def ada(core: Core) -> Caller:
    return core.user("ada")


@pytest.fixture
def filled(core: Core, ada: Caller) -> Core:
    return fill(core, ada)


def test_old_backups_go_and_those_that_stay_are_whole(
    filled: Core, ada: Caller, destination: Path, empty: Empty
) -> None:
    repo = filled.open(ada, "ada/words")
    ids = []
    for number in range(3):
        filled.commit(repo, ada, {f"{number}.txt": b"x"})
        ids.append(back_up(filled, destination).id)
    sha256 = filled.upload(repo, ada, b"of the last only")
    made = back_up(filled, destination, keep=2)
    assert made.pruned == ids[:2]
    store = app.backup_place(filled.hub.config, str(destination)).store
    assert generations.ids(store) == [ids[2], made.id]
    restore(empty(), destination, ids[2])
    config = empty()
    assert restore(config, destination).id == made.id
    assert (config.data_dir / blob_key(sha256)).exists()
    with Database(config).read() as connection:  # what only the removed ones had is gone: the rows of their moments
        alive = schema.refs.join(schema.repos).select().where(schema.repos.c.deleted_at.is_(None))
        assert len(connection.execute(alive).all()) == 2


def test_what_a_backup_holds_is_for_its_owner_alone(filled: Core, destination: Path) -> None:
    back_up(filled, destination)
    assert destination.stat().st_mode & 0o777 == 0o700
    files = [path for path in destination.rglob("*") if path.is_file()]
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}
    assert list((destination / "incoming").iterdir()) == []


def test_damaged_files_are_told_of_and_the_rest_is_backed_up(filled: Core, ada: Caller, destination: Path) -> None:
    repo = filled.open(ada, "ada/words")
    lost, bent = (filled.upload(repo, ada, data) for data in (b"lost", b"bent"))
    (filled.hub.config.data_dir / blob_key(lost)).unlink()
    (filled.hub.config.data_dir / blob_key(bent)).write_bytes(b"BENT")
    made = back_up(filled, destination)
    assert {each.key for each in made.generation.damaged} == {blob_key(lost), blob_key(bent)}
    assert not (destination / blob_key(bent)).exists()


def test_a_file_that_is_damaged_here_is_kept_as_an_earlier_backup_has_it(
    filled: Core, ada: Caller, destination: Path, empty: Empty
) -> None:
    sha256 = filled.upload(filled.open(ada, "ada/words"), ada, b"good")
    back_up(filled, destination)
    (filled.hub.config.data_dir / blob_key(sha256)).write_bytes(b"GOOD")
    assert back_up(filled, destination).generation.damaged == []
    config = empty()
    restore(config, destination)
    assert (config.data_dir / blob_key(sha256)).read_bytes() == b"good"


def test_a_repo_that_lacks_objects_is_told_of(filled: Core, ada: Caller, destination: Path) -> None:
    repo = filled.open(ada, "ada/words")
    folder = repo.objects.path / "objects" / "pack"
    newest = max(folder.glob("*.idx"), key=lambda path: path.stat().st_mtime_ns)
    newest.with_suffix(".pack").unlink()
    newest.unlink()
    damaged = back_up(filled, destination).generation.damaged
    assert [each.key for each in damaged] == [
        packs.key(app.backup_source(filled.hub.config, filled.hub.database).git, repo.uid)
    ]


def test_packs_that_vanish_while_they_are_copied_are_copied(
    filled: Core, ada: Caller, destination: Path, monkeypatch: pytest.MonkeyPatch, empty: Empty
) -> None:
    """A repack joins them after they were listed; links hold them until they are copied."""
    repo = filled.open(ada, "ada/words")
    for number in range(4):
        filled.commit(repo, ada, {f"{number}.txt": b"x"})
    source = app.backup_source(filled.hub.config, filled.hub.database)
    listed = packs.of_repo
    calls: list[str] = []

    def then_repacked(git_store: Any, uid: str) -> list[Path]:
        found = listed(git_store, uid)
        if len(calls) == 1:
            git_store.repack(uid)
        calls.append(uid)
        return found

    monkeypatch.setattr(packs, "of_repo", then_repacked)
    made = making.make(source, app.backup_place(filled.hub.config, str(destination)))
    assert len(calls) > 2
    assert made.generation.damaged == []
    config = empty()
    restore(config, destination)
    again = Core(config)
    assert text(again.open(ada, "ada/words"), "3.txt") == b"x"
    again.close()


def test_nothing_is_collected_meanwhile_and_two_do_not_run_at_once(filled: Core, destination: Path) -> None:
    with leases.held(filled.hub.database, leases.COLLECTION, "gc"), pytest.raises(Busy, match="gc"):
        back_up(filled, destination)
    assert not list(destination.glob("generations/*"))


def test_another_hubs_backups_and_other_folders_are_left_alone(
    filled: Core, destination: Path, empty: Empty, tmp_path: Path
) -> None:
    back_up(filled, destination)
    other = Core(empty())
    with pytest.raises(Conflict, match="another hub"):
        back_up(other, destination)
    other.close()
    for folder in (filled.hub.config.data_dir, filled.hub.config.data_dir / "copies"):
        with pytest.raises(ConfigError, match="in the data folder"):
            back_up(filled, folder)
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.pdf").write_bytes(b"%PDF")
    with pytest.raises(ConfigError, match="not empty"):
        back_up(filled, tmp_path / "papers")


# --- restoring -------------------------------------------------------------------------------------------------------


def test_only_what_is_empty_is_restored_into(filled: Core, destination: Path, empty: Empty) -> None:
    back_up(filled, destination)
    used = Core(empty())
    used.user("eve")
    with pytest.raises(Conflict, match="database is not empty"):
        restore(used.hub.config, destination)
    used.close()
    config = empty()
    (config.data_dir / "blobs" / "ab").mkdir()
    (config.data_dir / "blobs" / "ab" / "x").write_bytes(b"x")
    with pytest.raises(Conflict, match="large files is not empty"):
        restore(config, destination)


def test_what_is_not_there_is_said(filled: Core, destination: Path, empty: Empty) -> None:
    config = empty()
    with pytest.raises(NotFound, match="no finished backup"):
        restore(config, destination)
    back_up(filled, destination)
    with pytest.raises(NotFound, match="no backup 2020"):
        restore(config, destination, "2020")
    for path in (destination / "generations").iterdir():
        path.unlink()  # a backup without its description is none
    with pytest.raises(NotFound, match="no finished backup"):
        restore(config, destination)


def test_every_byte_is_checked_on_the_way(filled: Core, ada: Caller, destination: Path, empty: Empty) -> None:
    sha256 = filled.upload(filled.open(ada, "ada/words"), ada, b"good")
    back_up(filled, destination)
    (destination / blob_key(sha256)).chmod(0o600)
    (destination / blob_key(sha256)).write_bytes(b"GOOD")
    config = empty()
    restored = restore(config, destination)
    assert [each.key for each in restored.damaged] == [blob_key(sha256)]
    assert not (config.data_dir / blob_key(sha256)).exists(), "rather nothing than wrong bytes"
    part = max((destination / "rows").rglob("*.gz"), key=lambda path: path.stat().st_size)
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(Corrupt, match="rows/"):
        restore(empty(), destination)
    description = next((destination / "generations").iterdir())
    description.write_bytes(description.read_bytes().replace(b"ada", b"eve").replace(b'"format": 1', b'"format":  1'))
    with pytest.raises(Corrupt, match="description"):
        restore(empty(), destination)


def test_a_restore_that_broke_off_keeps_the_hub_from_starting_and_goes_on(
    filled: Core, destination: Path, empty: Empty, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = back_up(filled, destination)
    config = empty()
    with monkeypatch.context() as patch:
        patch.setattr(rows.Filling, "finish", _broken)
        with pytest.raises(OSError, match="unplugged"):
            restore(config, destination)
    with pytest.raises(ConfigError, match="did not end"):
        app.prepare(config)
    restored = restore(config, destination)
    assert (restored.id, restored.copied_count) == (made.id, 0)
    app.prepare(config)


def test_a_restore_whose_rows_are_in_only_ends(filled: Core, destination: Path, empty: Empty) -> None:
    made = back_up(filled, destination)
    config = empty()
    first = restore(config, destination)
    (config.data_dir / "restoring").write_text(made.id)  # killed just before it was removed
    assert restore(config, destination).epoch == first.epoch


def _broken(*_: object) -> None:
    raise OSError("unplugged")


def test_a_backup_of_a_newer_version_is_refused(filled: Core, destination: Path, empty: Empty) -> None:
    made = back_up(filled, destination)
    place = app.backup_place(filled.hub.config, str(destination))
    (destination / "generations" / f"{made.id}.json").unlink()
    newer = json.loads(json.dumps(made.generation.revision)) + "9"
    generations.save(place, generations.Generation(**{**_fields(made.generation), "revision": newer}))
    with pytest.raises(Conflict, match="newer"):
        restore(empty(), destination)


def test_a_backup_of_an_earlier_version_is_brought_up_to_date(
    filled: Core, destination: Path, empty: Empty, tmp_path: Path
) -> None:
    """As version 0.1 would have written it: with the tables and columns of its schema."""
    made = back_up(filled, destination)
    place = app.backup_place(filled.hub.config, str(destination))
    old = sa.create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with old.begin() as connection:
        migrate.run(connection, "0001")
        known = sa.MetaData()
        known.reflect(connection)
    old.dispose()
    tables = []
    with filled.hub.database.read() as connection:
        for table in rows.tables(left_out=making.LEFT_OUT):
            if table.name in known.tables:
                columns = [str(column.name) for column in table.columns]
                later = [name for name in columns if name not in known.tables[table.name].c]
                lines = list(rows.lines(connection, table, without=later))
                columns = [name for name in columns if name not in later]
                parts = list(generations.save_lines(place, "rows", lines))
                tables.append(generations.Table(str(table.name), columns, len(lines), parts))
    then = generations.Generation(**{**_fields(made.generation), "revision": "0001", "tables": tables})
    config = empty()
    restore(config, destination, generations.save(place, then))
    again = Core(config)
    ada = again.hub.directory.get("ada")
    caller = Caller(ada.id, "ada", may_write=True, is_admin=False)
    assert text(again.open(caller, "ada/words"), "a.txt") == b"one"
    with again.hub.database.read() as connection:
        assert migrate.current(connection) == migrate.revisions()[-1]
    again.close()


def _fields(generation: generations.Generation) -> dict[str, Any]:
    return {name: getattr(generation, name) for name in generation.__struct_fields__}
