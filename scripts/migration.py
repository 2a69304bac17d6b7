"""Writes a migration for what db/schema has and the migrations lack: `python scripts/migration.py "what changed"`."""

import sys
import tempfile
from pathlib import Path

from alembic import command

from pioche.config import Config
from pioche.db import migrate
from pioche.db.engine import Database


def main(message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Config(data_dir=Path(folder)))
        migrate.upgrade(database)
        versions = Path(__file__).parent.parent / "src/pioche/migrations/versions"
        number = len(list(versions.glob("[0-9]*.py"))) + 1
        config = migrate.alembic_config()
        with database.write() as connection:
            config.attributes["connection"] = connection
            command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
        database.close()


if __name__ == "__main__":
    main(sys.argv[1])
