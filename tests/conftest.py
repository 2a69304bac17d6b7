"""What every test may ask for."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from pioche.accounts import passwords
from tests import leftovers, objectstore
from tests.databases import Postgres, SqliteTemplate
from tests.hub import Hub
from tests.local import LocalHub


def pytest_configure(config: pytest.Config) -> None:
    leftovers.watch()
    if not hasattr(config, "workerinput"):  # not in the processes that pytest-xdist starts
        objectstore.prepare_run()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Folders with long files first, each in its own order: several processes that take file after file end together when
    no long one comes last."""
    items.sort(key=lambda item: _ORDER.index(item.path.relative_to(_HERE).parts[0]))


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        objectstore.end_run()


_HERE = Path(__file__).parent
_ORDER = ("torture", "protocols", "scenarios", "web", "meta", "behaviour", "unit")

_GIT_CONFIG = """\
[user]
    name = Tester
    email = tester@example.org
[init]
    defaultBranch = main
[advice]
    defaultBranchName = false
[filter "lfs"]
    clean = git-lfs clean -- %f
    smudge = git-lfs smudge -- %f
    process = git-lfs filter-process
    required = true
"""


@pytest.fixture(scope="session", autouse=True)
def git_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Git as on a machine where only `git lfs install` was run: nothing of the developer's own settings."""
    config = tmp_path_factory.mktemp("git") / "config"
    config.write_text(_GIT_CONFIG)
    ours = {"GIT_CONFIG_GLOBAL": str(config), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    with pytest.MonkeyPatch.context() as patch:
        for key in [key for key in os.environ if key.startswith("GIT_")]:
            patch.delenv(key)
        for key, value in ours.items():
            patch.setenv(key, value)
        yield


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Argon2 with the least work that it can do, for tests that sign many people in in this process."""
    passwords._nobody.cache_clear()
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield
    passwords._nobody.cache_clear()


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One running hub for all tests of this process; see tests/hub.py."""
    directory: Path = tmp_path_factory.mktemp("hub")
    with Hub(directory) as running:
        yield running


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("template"))


@pytest.fixture
def local(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[LocalHub]:
    """A fresh hub in this process; see tests/local.py."""
    hub = LocalHub(sqlite_template.config(tmp_path / "data"))
    yield hub
    hub.close()


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[objectstore.ObjectStore]:
    """An S3 store shared by all tests; see tests/objectstore.py."""
    if objectstore.is_ceph_installed():
        yield objectstore.ceph()
        return
    moto = objectstore.Moto(tmp_path_factory.mktemp("moto"))
    yield moto.store
    moto.stop()


# --- a hub on PostgreSQL and an object store ---


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cluster(
    postgres: Postgres, object_store: objectstore.ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Hub]]:
    """Starts hubs, each on a database and below a prefix of its own; keyword arguments are more settings."""
    with ExitStack() as stack:

        def start(**settings: str) -> Hub:
            folder = tmp_path_factory.mktemp("cluster")
            config = stack.enter_context(postgres.config(folder / "database"))
            store = settings if "storage_url" in settings else {**object_store.settings(), **settings}
            given = {"database_url": config.database_url, **store}
            return stack.enter_context(Hub(folder, {key.upper(): value for key, value in given.items()}))

        yield start
