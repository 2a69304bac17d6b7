"""Every store of bytes that there is, for suites that run over all of them."""

from pathlib import Path
from typing import Any

import pytest

from pioche.config import Config
from pioche.storage.blobs import BlobStore
from pioche.storage.blobs.connect import open_store as open_remote
from pioche.storage.blobs.local import LocalBlobs
from pioche.storage.blobs.memory import MemoryBlobs
from tests.objectstore import ObjectStore

STORES = ("local", "memory", "s3")


def open_store(request: pytest.FixtureRequest, folder: Path) -> BlobStore:
    """The store that `request.param` names, empty; the local one in `folder`."""
    if request.param == "local":
        return LocalBlobs(folder)
    if request.param == "memory":
        return MemoryBlobs()
    store: ObjectStore = request.getfixturevalue("object_store")
    return open_remote(config_of(store, folder))


def config_of(store: ObjectStore, folder: Path, **settings: Any) -> Config:
    """Settings of a hub whose large files are below a new prefix of `store`."""
    given: dict[str, Any] = {**store.settings(), **settings}
    return Config(data_dir=folder, **given)
