"""G-SSRF, imports: git and LFS reach no address inside either, whoever names it, and a token goes to its own host alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpcore
import pytest

from pioche import app
from pioche.accounts.callers import Caller
from pioche.errors import ForbiddenAddress, Unreachable
from pioche.imports.registry import Import, State, Wanted
from pioche.imports.sources import Credentials, Source
from pioche.names import RepoType
from pioche.networks import Allowed
from pioche.outbound.streams import Streams
from pioche.outbound.targets import Guard
from pioche.repos.catalog import NewRepo
from tests.canary import Canary
from tests.core import Core
from tests.databases import SqliteTemplate
from tests.gitserver import GitServer

PUBLIC = "93.184.216.34"
SECRET = "glpat-V3ryS3cretIndeed"
Run = Callable[..., Import]


@pytest.fixture
def canary() -> Iterator[Canary]:
    with Canary() as canary:
        yield canary
        assert canary.connections == 0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "server").mkdir()
    with GitServer(tmp_path / "server", token=SECRET) as server:
        server.repo("lab/tools.git", {"a.txt": b"1"}, large={"w.bin": b"\0weights" * 1000})
        yield server


@pytest.fixture
def imported(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Run]:
    """Imports `lab/tools.git` of a server that the hub may call; gives how it ended after one attempt."""
    config = sqlite_template.config(tmp_path / "data")
    cores = list[Core]()

    def run(server: GitServer, *others: str) -> Import:
        core = Core(replace(config, outbound_allowed=(server.allowed, *others)))
        cores.append(core)
        ada: Caller = core.user("ada")
        new = NewRepo(type=RepoType.MODEL, namespace="ada", name="tools")
        wanted = Wanted(new, Source.of_git(server.url("lab/tools.git")), Credentials("", server.token))
        repo = core.hub.imports.begin(core.hub.catalog, ada, wanted)
        app.build_importer(core.hub.config, core.hub.database).step()
        return core.hub.imports.get(repo)

    yield run
    for core in cores:
        core.close()


def test_g_ssrf_a_redirect_of_git_does_not_lead_inside(server: GitServer, canary: Canary, imported: Run) -> None:
    server.redirects["/lab/tools.git/info/refs"] = f"http://127.0.0.1:{canary.port}/x/info/refs?{{query}}"
    found = imported(server)
    assert (found.state, "lies inside this network" in found.error) == (State.FAILED, True)


def test_g_ssrf_an_lfs_address_does_not_lead_inside(server: GitServer, canary: Canary, imported: Run) -> None:
    def bend(_oid: str, found: dict[str, Any]) -> dict[str, Any]:
        return {**found, "actions": {"download": {"href": f"http://127.0.0.1:{canary.port}/metadata"}}}

    server.bend = bend
    found = imported(server)
    assert (found.state, "lies inside this network" in found.error) == (State.FAILED, True)


def test_g_ssrf_a_redirect_of_an_lfs_file_does_not_lead_inside(
    server: GitServer, canary: Canary, imported: Run
) -> None:
    for oid in server.files:
        server.redirects[f"/lab/tools.git/files/{oid}"] = f"http://localhost:{canary.port}/"
    found = imported(server)
    assert (found.state, "lies inside this network" in found.error) == (State.FAILED, True)


class FakeNetwork(httpcore.NetworkBackend):
    """Notes where a connection would go, and opens none."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        self.reached.append(host)
        raise httpcore.ConnectError("a fake network")


@pytest.mark.parametrize("answer", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["169.254.169.254"], ["::1"]])
def test_g_ssrf_a_name_does_not_lead_inside(answer: Sequence[str]) -> None:
    network = FakeNetwork()
    streams = Streams(Guard(resolver=lambda _host, _port: answer), backend=network)
    with pytest.raises(ForbiddenAddress, match="lies inside"), streams.get("https://git.example/x/info/refs"):
        pass
    with pytest.raises(ForbiddenAddress, match="lies inside"), streams.post("https://git.example/x", b""):
        pass
    assert network.reached == []


def test_g_ssrf_a_name_is_resolved_once_for_each_connection() -> None:
    answers, network = [[PUBLIC], ["127.0.0.1"]], FakeNetwork()
    streams = Streams(Guard(resolver=lambda _host, _port: answers.pop(0)), backend=network)
    with pytest.raises(Unreachable), streams.get("https://rebinding.example/"):
        pass
    with pytest.raises(ForbiddenAddress), streams.get("https://rebinding.example/"):
        pass
    assert (answers, network.reached) == ([], [PUBLIC])


def test_g_ssrf_plain_http_is_for_hosts_that_were_allowed() -> None:
    network = FakeNetwork()
    streams = Streams(Guard(resolver=lambda _host, _port: [PUBLIC]), backend=network)
    with pytest.raises(ForbiddenAddress, match="over https only"), streams.get("http://git.example/"):
        pass
    assert network.reached == []
    opened = Streams(Guard([Allowed.parse("git.example")], resolver=lambda _host, _port: [PUBLIC]), backend=network)
    with pytest.raises(Unreachable), opened.get("http://git.example/"):
        pass
    assert network.reached == [PUBLIC]


def test_g_ssrf_a_token_goes_to_its_own_host_alone(server: GitServer, tmp_path: Path, imported: Run) -> None:
    (tmp_path / "other").mkdir()
    with GitServer(tmp_path / "other") as other:
        other.files = server.files

        def bend(oid: str, found: dict[str, Any]) -> dict[str, Any]:
            header = {"Host": "inside", "Content-Length": "7", "X-Signed": "yes"}
            return {**found, "actions": {"download": {"href": other.url(f"x/files/{oid}"), "header": header}}}

        server.bend = bend
        found = imported(server, other.allowed)
        assert (found.state, found.error) == (State.DONE, "")
        ((_, _, told),) = other.asked
        assert (told.get("authorization"), told["x-signed"], told["host"]) == (None, "yes", f"127.0.0.1:{other.port}")
