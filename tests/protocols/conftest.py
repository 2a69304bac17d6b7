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
def repo(hub: Hub, ada: Account) -> str:
    """The id of a repo of ada's that nobody has created yet."""
    return f"{ada.name}/{hub.name('repo')}"


@pytest.fixture(scope="module", autouse=True)
def no_fault_of_ours(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever clients sent, the shared hub failed at none of it: no request of a module ended in a 5xx of ours."""
    ours = [item for item in request.session.items if item.getparent(pytest.Module) is request.node]
    if not any("hub" in getattr(item, "fixturenames", ()) for item in ours):
        yield
        return
    hub: Hub = request.getfixturevalue("hub")
    before = len(hub.output())
    yield
    faults = [line for line in hub.output()[before:].splitlines() if "request failed" in line]
    assert faults == []
