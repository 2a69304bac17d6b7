"""Accounts and kinds of clients for the stories of this folder."""

from collections.abc import Iterator

import pytest

from tests.clients import VERSIONS, Kind
from tests.hub import Account, Hub

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
