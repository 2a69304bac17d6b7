"""A8: killed at every statement of a migration from an older schema, on both databases: old or new, never between; the next
start goes on from there, and nothing of what was in the database is lost."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from pioche.config import Config, prepare_data_dir
from pioche.db import migrate, schema
from pioche.db.engine import Database
from tests.databases import Postgres
from tests.torture.steps import Doomed, Ended, doomed

OLDEST = "0001"
_STRIDE = 17
_LAST = 5


@dataclass(frozen=True)
class Migrate:
    """What a start does first."""

    def act(self, config: Config) -> None:
        database = Database(config)
        migrate.upgrade(database)
        database.close()


@pytest.fixture(scope="module")
def process() -> Iterator[Doomed]:
    with doomed() as running:
        yield running


def test_a8_at_some_statements_on_sqlite(old: Config, tmp_path: Path, process: Doomed) -> None:
    """The short form: some of the statements on the way, each of those about the commit."""
    count = len(_on_a_copy(old, tmp_path, process, None).steps)
    for step in sorted({*range(1, count, _STRIDE), *range(count - _LAST, count + 1)}):
        assert _on_a_copy(old, tmp_path, process, step).killed


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a8_at_every_statement_on_sqlite(old: Config, tmp_path: Path, process: Doomed) -> None:
    step = 1
    while _on_a_copy(old, tmp_path, process, step).killed:
        step += 1


@pytest.fixture
def old(tmp_path: Path) -> Config:
    config = Config(data_dir=tmp_path / "old")
    prepare_data_dir(config)
    _make_old(config)
    return config


def _on_a_copy(old: Config, folder: Path, process: Doomed, step: int | None) -> Ended:
    config = Config(data_dir=folder / "data")
    shutil.copytree(old.data_dir, config.data_dir)
    ended = process.run(Migrate(), config, step, statements=True)
    _check(config, ended.steps)
    shutil.rmtree(config.data_dir)
    return ended


@pytest.mark.long
def test_a8_on_postgresql(tmp_path: Path, process: Doomed) -> None:
    """Begun, half way, before the commit and after it: a step costs a database there."""
    server = Postgres()
    try:
        count = len(_on_a_new_one(server, tmp_path, process, None))
        for step in (1, count // 2, count - 1, count):
            _on_a_new_one(server, tmp_path, process, step)
    finally:
        server.stop()


def _on_a_new_one(server: Postgres, folder: Path, process: Doomed, step: int | None) -> list[str]:
    with server.config(folder / f"data-{step}") as config:
        _empty(config)
        _make_old(config)
        ended = process.run(Migrate(), config, step, statements=True)
        _check(config, ended.steps)
        return ended.steps


def _empty(config: Config) -> None:
    database = Database(config)
    with database.write() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    database.close()


def _make_old(config: Config) -> None:
    """A database as the first version left it, with a user in it."""
    database = Database(config)
    with database.write() as connection:
        migrate.run(connection, OLDEST)
        row = {"uid": "u", "kind": "user", "name": "ada", "name_key": "ada", "fullname": "", "created_at": 1}
        flags = {"must_change_password": False, "is_admin": True, "private_by_default": False}
        old = sa.table("accounts", *(sa.column(name) for name in (*row, *flags)))
        connection.execute(old.insert().values(**row, **flags))
    database.close()


def _check(config: Config, steps: list[str]) -> None:
    where = f"killed after {steps[-3:]}"
    database = Database(config)
    try:
        with database.read() as connection:
            assert migrate.current(connection) in (OLDEST, migrate.revisions()[-1]), where
        migrate.upgrade(database)
        with database.read() as connection:
            assert migrate.current(connection) == migrate.revisions()[-1], where
            assert set(sa.inspect(connection).get_table_names()) >= set(schema.metadata.tables), where
            assert connection.execute(sa.select(schema.accounts.c.name)).scalars().all() == ["ada"], where
            if database.is_sqlite:
                assert connection.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
    finally:
        database.close()
