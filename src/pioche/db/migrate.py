"""Brings a database to this version's schema, by the Alembic scripts of `pioche.migrations`."""

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pioche.db.engine import Database
from pioche.errors import ConfigError


def upgrade(database: Database) -> None:
    """Runs what is missing, each step in its own transaction. Raises ConfigError when a newer version wrote the database."""
    config = alembic_config()
    scripts = ScriptDirectory.from_config(config)
    with database.write() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == scripts.get_current_head():
            return
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            raise ConfigError("database", f"it was written by a newer Pioche (schema {current}): start that version")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def alembic_config() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", "pioche:migrations")
    config.set_main_option("path_separator", "os")
    return config
