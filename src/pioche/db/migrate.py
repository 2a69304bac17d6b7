"""Brings a database to this version's schema, by the Alembic scripts of `pioche.migrations`.

Alembic is loaded only when there is something to do: every command and every start comes by here.
"""

from importlib import resources
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pioche.db.engine import Database
from pioche.errors import ConfigError

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig


def upgrade(database: Database) -> None:
    """Runs what is missing, in one transaction. Raises ConfigError when a newer version wrote the database."""
    known = revisions()
    with database.read() as connection:
        if _current(connection) == known[-1]:
            return
    with database.write() as connection:
        current = _current(connection)  # another process may have been first
        if current == known[-1]:
            return
        if current is not None and current not in known:
            raise ConfigError("database", f"it was written by a newer Pioche (schema {current}): start that version")
        _run(connection)


def current(database: Database) -> str | None:
    """The revision that the database says it has; None when nothing was ever done to it."""
    with database.read() as connection:
        return _current(connection)


def revisions() -> list[str]:
    """Every revision, oldest first: the number that its file's name begins with."""
    names = (entry.name for entry in resources.files("pioche.migrations.versions").iterdir())
    return sorted(name.partition("_")[0] for name in names if name[:1].isdigit() and name.endswith(".py"))


def alembic_config() -> "AlembicConfig":
    from alembic.config import Config as AlembicConfig

    config = AlembicConfig()
    config.set_main_option("script_location", "pioche:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _current(connection: sa.Connection) -> str | None:
    """What the database says it is; None when nothing was ever done to it."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    current: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return current


def _run(connection: sa.Connection) -> None:
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
