"""What every command takes.

`pioche.app` is loaded by the commands that need it: it loads everything, which takes longer than most commands.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pioche import config
from pioche.config import Config
from pioche.db.engine import Database
from pioche.errors import ConfigError
from pioche.upkeep import preparing

if TYPE_CHECKING:
    from pioche.http.hub import Hub


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Options:
    """Hands a command the hub that it is about."""

    data_dir: Path | None = None
    "Folder that holds everything; else PIOCHE_DATA_DIR, pioche.toml, ./data."
    json: Annotated[bool, Parameter(negative=())] = False
    "Print JSON, for scripts."

    def config(self) -> Config:
        """The settings, and a data folder that is ready for them. Raises ConfigError."""
        found = config.load({"data_dir": self.data_dir})
        if found.storage_url:
            from pioche import app

            app.check_store(found)
        preparing.prepare(found)
        return found

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The hub's database. Raises ConfigError."""
        database = Database(self.config())
        try:
            yield database
        finally:
            database.close()

    @contextmanager
    def hub(self) -> "Iterator[Hub]":
        """All services of the hub. Raises ConfigError."""
        from pioche import app

        hub = app.build_hub(self.config())
        try:
            yield hub
        finally:
            hub.database.close()

    @contextmanager
    def hub_as_it_is(self) -> "Iterator[Hub]":
        """All services over a data folder that may be damaged: nothing is made, upgraded or looked at before.

        Raises ConfigError where there is no hub.
        """
        from pioche import app

        found = config.load({"data_dir": self.data_dir})
        if found.database_is_sqlite and not (found.data_dir / "pioche.db").exists():
            raise ConfigError("data_dir", f"there is no database in {found.data_dir}: no hub was ever started there")
        hub = app.build_hub(found)
        try:
            yield hub
        finally:
            hub.database.close()


DEFAULT = Options()
