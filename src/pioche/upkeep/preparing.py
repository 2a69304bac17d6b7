"""A data folder is made ready before anything works on it: at each start, and by each command, so it loads little."""

from contextlib import suppress
from pathlib import Path

from pioche.config import Config, prepare_data_dir
from pioche.db import instance, migrate
from pioche.db.engine import Database
from pioche.errors import ConfigError

MARK = "restoring"
"""In a data folder into which a restore was begun, until it has ended: the backup that it is from."""


def prepare(config: Config) -> None:
    """Folders, schema, instance; what is there already stays. Raises ConfigError."""
    _refuse_unfinished(config.data_dir)
    prepare_data_dir(config)
    database = Database(config)
    try:
        migrate.upgrade(database)
        instance.prepare(database)
    finally:
        database.close()


def _refuse_unfinished(data_dir: Path) -> None:
    with suppress(FileNotFoundError):
        found = (data_dir / MARK).read_text()
        raise ConfigError(
            "data_dir",
            f"the restore of {found} into {data_dir} did not end: run pioche restore again, or empty the folder",
        )
