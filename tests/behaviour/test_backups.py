"""Backups over both databases, restored on the same and on the other (J1, J2)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pioche import app
from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.db import instance
from pioche.db.engine import Database
from pioche.events import Event
from pioche.jobs import outbox
from pioche.storage.blobs import blob_key
from pioche.upkeep import rows
from pioche.upkeep.backups import generations, making
from tests.backups import LARGE, back_up, fill, restore
from tests.core import Core, git, paths, text
from tests.databases import ENGINES, Postgres, SqliteTemplate

Empty = Callable[[str], Config]


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Empty]:
    """A prepared hub to restore into, on the engine that is named."""
    with ExitStack() as stack:

        def make(engine: str) -> Config:
            folder = tmp_path / f"restored-{len(list(tmp_path.glob('restored-*')))}"
            if engine == "sqlite":
                sqlite: SqliteTemplate = request.getfixturevalue("sqlite")
                return sqlite.config(folder)
            postgres: Postgres = request.getfixturevalue("postgres")
            return stack.enter_context(postgres.config(folder))

        yield make


@pytest.fixture
def filled(core: Core, ada: Caller) -> Core:
    return fill(core, ada)


def all_rows(database: Database) -> dict[str, list[bytes]]:
    """Every row of every table that a backup has, but for what restoring changes."""
    with database.read() as connection:
        return {
            table.name: list(rows.lines(connection, table, without=["txid"]))
            for table in rows.tables(left_out=making.LEFT_OUT | {"instance", "event_cursors"})
        }


@pytest.mark.parametrize("engine", ENGINES)
def test_j1_a_hub_comes_back_whole_on_either_database(
    filled: Core, destination: Path, empty: Empty, engine: str, tmp_path: Path
) -> None:
    epoch = instance.epoch(filled.hub.database)
    made = back_up(filled, destination)
    assert made.generation.damaged == []
    config = empty(engine)
    restored = restore(config, destination)
    assert (restored.id, restored.damaged) == (made.id, [])
    assert restored.epoch > epoch
    again = Core(config)
    try:
        assert all_rows(again.hub.database) == all_rows(filled.hub.database)
        again.accounts = filled.accounts
        ada = Caller(filled.accounts["ada"].id, "ada", may_write=True, is_admin=False)
        repo = again.open(ada, "ada/words")
        assert paths(repo) == [".gitattributes", "a.txt", "b", "b/c.txt", "large.bin"]
        assert text(repo, "a.txt") == b"one"
        assert text(repo, "large.bin") == LARGE
        assert git(repo, tmp_path, "fsck", "--full", "--strict") == ""
        assert paths(again.open(ada, "ada/untouched")) == [".gitattributes"]
        again.commit(repo, ada, {"new.txt": b"after the restore"})
        assert text(repo, "new.txt") == b"after the restore"
        # A number that was given to what is deleted does not come again.
        assert again.repo(ada, "ada/next").id == 4
    finally:
        again.close()


def test_j1_a_second_backup_copies_only_what_is_new(filled: Core, ada: Caller, destination: Path) -> None:
    first = back_up(filled, destination)
    assert first.copied_count == first.generation.file_count > 0
    assert back_up(filled, destination).copied_count == 0
    repo = filled.open(ada, "ada/words")
    filled.commit(repo, ada, {"d.txt": b"three"})
    more = filled.upload(repo, ada, b"one more large file")
    third = back_up(filled, destination)
    assert third.copied_count == 3, "a pack, its index, a large file"
    assert (destination / blob_key(more)).read_bytes() == b"one more large file"
    assert len(generations.ids(app.backup_place(filled.hub.config, str(destination)).store)) == 3


# --- events ----------------------------------------------------------------------------------------------------------


class _Noted:
    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[int] = []

    def handle(self, event: Event) -> None:
        self.seen.append(event.payload["n"])


@pytest.mark.parametrize("engine", ENGINES)
def test_events_go_on_where_their_consumers_stopped(
    database: Database, config: Config, destination: Path, empty: Empty, engine: str
) -> None:
    done, late = _Noted("done"), _Noted("late")
    for n in range(3):
        with database.write() as connection:
            outbox.append(connection, Event("x", payload={"n": n}))
    outbox.Dispatcher(database, [done]).step()
    with database.write() as connection:
        outbox.append(connection, Event("x", payload={"n": 3}))
    making.make(app.backup_source(config, database), app.backup_place(config, str(destination)))
    target = empty(engine)
    restore(target, destination)
    restored = Database(target)
    with restored.write() as connection:
        outbox.append(connection, Event("x", payload={"n": 4}))
    dispatcher = outbox.Dispatcher(restored, [done, late])
    dispatcher.step()
    assert done.seen == [0, 1, 2, 3, 4]
    assert late.seen == [0, 1, 2, 3, 4]
    assert dispatcher.step() == 0
    restored.close()
