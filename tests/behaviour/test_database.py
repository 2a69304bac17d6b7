"""The two engines behind one `Database` behave alike."""

import asyncio

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pioche.db import instance, migrate, schema
from pioche.db.engine import Database, Lookup
from pioche.errors import ConfigError

_EPOCH = Lookup("SELECT value FROM instance WHERE key = :key")


def test_prepared_once(database: Database) -> None:
    instance.prepare(database)
    assert instance.epoch(database) == 1
    assert [key.retired for key in instance.signing_keys(database)] == [False]


def test_rotation_keeps_the_old_key_for_verification(database: Database) -> None:
    before = instance.signing_keys(database)[0].kid
    after = instance.rotate_key(database)
    assert [(key.kid, key.retired) for key in instance.signing_keys(database)] == [(before, True), (after, False)]


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    def write() -> None:
        with database.write() as connection:
            connection.execute(schema.instance.insert().values(key="x", value="1"))
            raise LookupError

    with pytest.raises(LookupError):
        write()
    assert database.fetch_one_sync(_EPOCH, {"key": "x"}) is None


def test_lookups_read_the_same_on_the_loop_and_in_a_thread(database: Database) -> None:
    async def on_loop() -> object:
        found = await database.fetch_one(_EPOCH, {"key": "epoch"})
        await database.aclose()
        return found

    assert asyncio.run(on_loop()) == ("1",)
    assert database.fetch_one_sync(_EPOCH, {"key": "epoch"}) == ("1",)


def test_a_taken_key_is_an_integrity_error(database: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError), database.write() as connection:
        connection.execute(schema.instance.insert().values(key="epoch", value="2"))


def test_a_database_of_a_later_version_is_refused_and_a_current_one_left_alone(database: Database) -> None:
    migrate.upgrade(database)
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="newer Pioche"):
        migrate.upgrade(database)


def test_migrations_are_named_by_their_revision(database: Database) -> None:
    scripts = ScriptDirectory.from_config(migrate.alembic_config())
    assert migrate.revisions() == sorted(script.revision for script in scripts.walk_revisions())
    assert migrate.revisions()[-1] == scripts.get_current_head()


def test_the_migrations_make_the_schema_that_the_code_reads(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
