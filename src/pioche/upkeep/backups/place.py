"""Where bytes are copied to or from."""

from dataclasses import dataclass
from pathlib import Path

from pioche.storage.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class Place:
    """A store, and the local folder from which it takes files over. `private` files are for their owner's eyes only."""

    store: BlobStore
    scratch: Path
    private: bool = False
