"""What the behaviour suites run over: every database that is supported, each test on one of its own.

`config` is a prepared data folder with its database, `database` that database, opened. Ask for either and the test runs
once for each engine.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.db.engine import Database
from pioche.repos.access import Repo
from tests.core import Core
from tests.databases import ENGINES, Postgres, SqliteTemplate


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(params=ENGINES)
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Config]:
    """A prepared data folder; its database is empty but for the instance's own rows."""
    if request.param == "sqlite":
        template: SqliteTemplate = request.getfixturevalue("sqlite")
        yield template.config(tmp_path / "data")
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.config(tmp_path / "data") as config:
        yield config


@pytest.fixture
def database(config: Config) -> Iterator[Database]:
    opened = Database(config)
    yield opened
    opened.close()


@pytest.fixture
def core(config: Config) -> Iterator[Core]:
    core = Core(config)
    yield core
    core.close()


@pytest.fixture
def ada(core: Core) -> Caller:
    return core.user("ada")


@pytest.fixture
def repo(core: Core, ada: Caller) -> Repo:
    return core.repo(ada, "ada/words")
