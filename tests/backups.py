"""Backups of the hubs that tests make: short ways to fill a hub, to back it up, to restore it."""

from pathlib import Path
from typing import Any

from pioche import app
from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.db.engine import Database
from pioche.upkeep.backups import making, restoring
from pioche.upkeep.backups.making import Made
from pioche.upkeep.backups.restoring import Restored
from tests.core import Core

LARGE = b"a large file " * 1000


def fill(core: Core, ada: Caller) -> Core:
    """A bit of everything: a repo with history and a large file, one nobody wrote to, one that was deleted."""
    repo = core.repo(ada, "ada/words", private=True)
    core.commit(repo, ada, {"a.txt": b"one", "large.bin": core.upload(repo, ada, LARGE)})
    core.commit(repo, ada, {"b/c.txt": b"two"})
    core.repo(ada, "ada/untouched")
    gone = core.repo(ada, "ada/gone")
    core.hub.catalog.delete(ada, gone)
    return core


def back_up(core: Core, destination: Path, **options: Any) -> Made:
    place = app.backup_place(core.hub.config, str(destination))
    return making.make(app.backup_source(core.hub.config, core.hub.database), place, **options)


def restore(config: Config, destination: Path, generation_id: str | None = None) -> Restored:
    database = Database(config)
    try:
        place = app.backup_place(config, str(destination))
        return restoring.restore(app.restore_target(config, database), place, generation_id)
    finally:
        database.close()
