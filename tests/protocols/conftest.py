"""Accounts and kinds of clients for the stories of this folder."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.clients import VERSIONS, Kind
from tests.databases import Postgres
from tests.hub import Account, Hub
from tests.objectstore import ObjectStore

KINDS = [Kind(version, xet=xet) for version in VERSIONS for xet in (True, False)]


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each version of the client, with Xet and without."""
    found: Kind = request.param
    return found


@pytest.fixture(params=[Kind(version) for version in VERSIONS], ids=lambda kind: kind.version)
def version(request: pytest.FixtureRequest) -> Kind:
    """Each version of the client as it is installed, for what has nothing to do with how content travels."""
    found: Kind = request.param
    return found


@pytest.fixture(scope="session")
def ada(hub: Hub) -> Account:
    return hub.user(hub.name("ada"))


@pytest.fixture(scope="session")
def eve(hub: Hub) -> Account:
    """A stranger to everything that is ada's."""
    return hub.user(hub.name("eve"))


@pytest.fixture
def repo(hub: Hub, ada: Account) -> Iterator[str]:
    """The id of a repo of ada's that nobody has created yet. Whatever clients did to it, the hub failed at none of it."""
    name = f"{ada.name}/{hub.name('repo')}"
    yield name
    assert [line for line in hub.output().splitlines() if "request failed" in line and name in line] == []


# --- a hub on PostgreSQL and an object store ---


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cluster(
    postgres: Postgres, object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Hub]]:
    """Starts hubs, each on a database and below a prefix of its own; keyword arguments are more settings."""
    with ExitStack() as stack:

        def start(**settings: str) -> Hub:
            folder = tmp_path_factory.mktemp("cluster")
            config = stack.enter_context(postgres.config(folder / "database"))
            given = {**object_store.settings(), "database_url": config.database_url, **settings}
            return stack.enter_context(Hub(folder, {key.upper(): value for key, value in given.items()}))

        yield start
