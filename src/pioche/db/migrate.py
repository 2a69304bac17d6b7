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

_ADVISORY_LOCK = 0x70696F636865  # "pioche": a number that other users of the server will not take by chance


def upgrade(database: Database) -> None:
    """Runs what is missing, in one transaction. Raises ConfigError when a newer version wrote the database."""
    known = revisions()
    with database.read() as connection:
        if current(connection) == known[-1]:
            return
    with database.write() as connection:
        if not database.is_sqlite:  # nodes that start together: the second finds everything done
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        found = current(connection)  # another process may have been first
        if found == known[-1]:
            return
        if found is not None and found not in known:
            raise ConfigError("database", f"it was written by a newer Pioche (schema {found}): start that version")
        run(connection, known[-1])


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


def current(connection: sa.Connection) -> str | None:
    """What the database says it is; None when nothing was ever done to it."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return found


def run(connection: sa.Connection, revision: str) -> None:
    """Brings the database up to `revision` in the caller's transaction; what is there already is left alone."""
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
