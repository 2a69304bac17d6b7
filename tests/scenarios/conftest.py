"""A hub in this process for the stories that need no server: nothing of it survives the test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pioche.config import Config
from tests.damage import World
from tests.databases import SqliteTemplate
from tests.inside import Inside


@pytest.fixture
def inside(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Inside]:
    with Inside(sqlite_template.config(tmp_path / "data")) as inside:
        yield inside
        assert inside.log.getvalue() == "", "something went wrong on the server's side"


@pytest.fixture(scope="session")
def sound_hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one of everything (tests/damage.py)."""
    folder = tmp_path_factory.mktemp("sound")
    World(SqliteTemplate(folder / "template").config(folder / "data")).close()
    return folder / "data"


@pytest.fixture
def sound_world(sound_hub: Path, tmp_path: Path) -> Iterator[World]:
    """A copy of it, to be damaged."""
    shutil.copytree(sound_hub, tmp_path / "data")
    world = World.over(Config(data_dir=tmp_path / "data"))
    yield world
    world.close()
