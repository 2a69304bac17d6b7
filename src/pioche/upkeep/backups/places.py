"""Where bytes are copied to or from."""

from dataclasses import dataclass
from pathlib import Path

from pioche.errors import ConfigError
from pioche.storage.blobs import BlobStore
from pioche.storage.disk import translated

MARK = "pioche-backup.json"
"""Tells a folder of backups from every other."""


@dataclass(frozen=True, slots=True)
class Place:
    """A store, and the local folder from which it takes files over. `private` files are for their owner's eyes only."""

    store: BlobStore
    scratch: Path
    private: bool = False

    def prepare(self) -> None:
        """Makes the folder; where it is private, for its owner alone: keys and hashes of passwords lie there."""
        with translated():
            if self.private:
                self.scratch.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.scratch.mkdir(parents=True, exist_ok=True)


def check_folder(folder: Path, data_dir: Path) -> None:
    """Raises ConfigError for a folder in which backups would be in danger, or be a danger to what is in it."""
    own = data_dir.resolve()
    if folder.resolve() == own or own in folder.resolve().parents:
        raise ConfigError("backup", f"{folder} is in the data folder: name one on another disk")
    if not folder.exists() or (folder / MARK).exists():
        return
    if not folder.is_dir() or {entry.name for entry in folder.iterdir()} - {"incoming"}:
        raise ConfigError("backup", f"{folder} is no folder of backups, and not empty: name another one")
