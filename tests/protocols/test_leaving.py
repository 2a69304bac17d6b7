"""While bytes are sent: no further than the client takes them, and not at all once it has left."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pioche import app
from pioche.config import Config
from pioche.names import RepoId, RepoType, parse_sha256
from pioche.repos.access import Action
from tests.hub import Account, Hub
from tests.wire import connect, drain, exchange, get, request

SIZE = 4 * 2**30
SHA256 = "5a" * 32
READ_BYTES_MAX = 48 * 2**20
"""What a server may have read ahead: a few pieces, the socket's buffers, and whatever else it did meanwhile."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("leaving")) as hub:
        yield hub


@pytest.fixture(scope="module")
def path(hub: Hub) -> str:
    """The address of a sparse file of 4 GiB."""
    ada = hub.user("ada")
    body = b'{"name": "huge", "type": "model"}'
    assert exchange(hub, posted("/api/repos/create", ada, body)).statuses == [200]
    plant(hub.data_dir, ada)
    lines = [
        {"key": "header", "value": {"summary": "huge"}},
        {"key": "lfsFile", "value": {"path": "huge.bin", "algo": "sha256", "oid": SHA256, "size": SIZE}},
    ]
    body = b"\n".join(json.dumps(line).encode() for line in lines)
    assert exchange(hub, posted("/api/models/ada/huge/commit/main", ada, body)).statuses == [200]
    return "/ada/huge/resolve/main/huge.bin"


def posted(target: str, account: Account, body: bytes) -> bytes:
    lines = (f"Authorization: Bearer {account.token}".encode(), b"Content-Length: %d" % len(body))
    return request(b"POST", target, b"Content-Type: application/json", *lines, body=body)


def plant(data_dir: Path, owner: Account) -> None:
    """Puts the file where an upload would have put it; nobody can upload 4 GiB in a test."""
    sparse = data_dir / "incoming" / "sparse"
    with sparse.open("wb") as file:
        file.truncate(SIZE)
    hub = app.build_hub(Config(data_dir=data_dir))
    try:
        user = hub.directory.get_user(owner.name)
        caller = asyncio.run(hub.callers.by_token(owner.token))
        repo = hub.access.open_sync(caller, RepoId.parse(RepoType.MODEL, f"{owner.name}/huge"), Action.WRITE)
        hub.contents.adopt(repo.id, user.id, parse_sha256(SHA256), sparse)
    finally:
        hub.database.close()


class Watch:
    """What the web process has read, and whether it holds the file open."""

    def __init__(self, hub: Hub) -> None:
        (process_id,) = [process_id for process_id, name in hub.children().items() if name == "web"]
        self._process = Path(f"/proc/{process_id}")

    @property
    def read_bytes(self) -> int:
        return int((self._process / "io").read_text().split()[1])

    def holds_file(self) -> bool:
        links = []
        for link in (self._process / "fd").iterdir():
            try:
                links.append(str(link.readlink()))
            except FileNotFoundError:
                continue
        return any(SHA256 in link for link in links)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_reading_stops_when_the_client_leaves(hub: Hub, path: str, how: str) -> None:
    watch = Watch(hub)
    before = watch.read_bytes
    connection = connect(hub)
    connection.sendall(get(path))
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    until(watch.holds_file)
    if how == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    until(lambda: not watch.holds_file())
    assert watch.read_bytes - before < READ_BYTES_MAX


def test_reading_waits_for_a_client_that_does_not_read(hub: Hub, path: str) -> None:
    watch = Watch(hub)
    before = watch.read_bytes
    with connect(hub) as connection:
        connection.sendall(get(path))
        until(watch.holds_file)
        time.sleep(1)
        assert watch.read_bytes - before < READ_BYTES_MAX
    until(lambda: not watch.holds_file())


def test_a_client_that_leaves_one_of_many_ranges_is_left_alone(hub: Hub, path: str) -> None:
    watch = Watch(hub)
    with connect(hub) as connection:
        connection.sendall(get(path, b"Range: bytes=0-2000000000,3000000000-4000000000"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 206")
        until(watch.holds_file)
    until(lambda: not watch.holds_file())


def test_a_small_range_of_it_is_whole(hub: Hub, path: str) -> None:
    with connect(hub) as connection:
        connection.sendall(get(path, b"Range: bytes=4000000000-4003000000"))
        head, _, body = drain(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 206")
    assert body == bytes(3_000_001)
