"""A hub in this process for the stories that need no server: nothing of it survives the test."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pioche.config import Config
from pioche.storage.blobs.connect import open_store
from tests.damage import World
from tests.databases import Postgres, SqliteTemplate
from tests.inside import Inside
from tests.objectstore import ObjectStore


@pytest.fixture
def inside(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Inside]:
    with Inside(sqlite_template.config(tmp_path / "data")) as inside:
        yield inside
        assert inside.log.getvalue() == "", "something went wrong on the server's side"


@pytest.fixture(scope="session")
def sound_hub(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A hub with one of everything (tests/damage.py), on SQLite and a disk."""
    folder = tmp_path_factory.mktemp("sound")
    config = SqliteTemplate(folder / "template").config(folder / "data")
    World(config).close()
    return config


@pytest.fixture(scope="session")
def sound_cluster(
    postgres: Postgres, object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Config]:
    """The same on PostgreSQL and S3."""
    with postgres.config(tmp_path_factory.mktemp("sound") / "data", **object_store.settings()) as config:
        World(config).close()
        yield config


@pytest.fixture
def sound_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A copy of it, to be damaged; of the one on PostgreSQL and S3 with the parameter `cluster`."""
    with ExitStack() as stack:
        copied = _copied_cluster if getattr(request, "param", "disk") == "cluster" else _copied_disk
        world = World.over(copied(request, tmp_path / "data", stack))
        stack.callback(world.close)
        yield world


def _copied_disk(request: pytest.FixtureRequest, data_dir: Path, _stack: ExitStack) -> Config:
    sound: Config = request.getfixturevalue("sound_hub")
    shutil.copytree(sound.data_dir, data_dir)
    return Config(data_dir=data_dir)


def _copied_cluster(request: pytest.FixtureRequest, data_dir: Path, stack: ExitStack) -> Config:
    sound: Config = request.getfixturevalue("sound_cluster")
    postgres: Postgres = request.getfixturevalue("postgres")
    store: ObjectStore = request.getfixturevalue("object_store")
    shutil.copytree(sound.data_dir, data_dir)
    config = stack.enter_context(postgres.config(data_dir, like=sound, **store.settings()))
    source, target = open_store(sound), open_store(config)
    for stored in source.list(""):
        target.put_bytes(stored.key, b"".join(source.read(stored.key)))
    return config
