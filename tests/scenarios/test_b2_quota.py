"""B2: what users, organisations and repos may store holds, whichever door the bytes come through and however many at once.

Two web processes, on both databases. Every repo may hold 3 MB.
"""

import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.clients import CURRENT, Kind, StoryFailed
from tests.clientside import Client
from tests.databases import ENGINES, Postgres
from tests.hub import Account, Hub
from tests.sender import Sender, git

MB = 10**6
LIMIT = 3 * MB
AT_ONCE = 8


@pytest.fixture(scope="module", params=ENGINES)
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("town")
    settings = {"WORKERS": "2", "STORAGE_MAX_REPO": str(LIMIT), "LFS_PART_BYTES": str(2 * MB)}
    with ExitStack() as stack:
        if request.param == "postgresql":
            server = Postgres()
            stack.callback(server.stop)
            settings["DATABASE_URL"] = stack.enter_context(server.config(folder / "data")).database_url
        yield stack.enter_context(Hub(folder, settings))


@pytest.fixture(scope="module")
def ada(town: Hub) -> Account:
    return town.user(town.name("ada"))


def sender(town: Hub, who: Account) -> Sender:
    made = Sender(town, who, f"{who.name}/{town.name('r')}")
    made.create().raise_for_status()
    return made


@pytest.fixture
def small(town: Hub, ada: Account) -> Iterator[Sender]:
    """A repo of ada's."""
    with sender(town, ada) as made:
        yield made


def taken(town: Hub, name: str) -> int:
    (found,) = town.cli("quota", "show", name)
    return int(found["used"]) + int(found["reserved"])


def has_room(who: Sender, size: int) -> bool:
    return "error" not in who.batch("upload", (hashlib.sha256(os.urandom(8)).hexdigest(), size)).json()["objects"][0]


def large(data: bytes) -> dict[str, tuple[str, int]]:
    return {f"{hashlib.sha256(data).hexdigest()[:8]}.bin": (hashlib.sha256(data).hexdigest(), len(data))}


def by_lfs(who: Sender, data: bytes) -> int:
    return came(who, who.lfs(data), data)


def by_parts(who: Sender, data: bytes) -> int:
    return came(who, who.multipart(data), data)


def came(who: Sender, answer: httpx.Response, data: bytes) -> int:
    """The status; one file of a batch is refused beside others that are not, with 200."""
    found = answer.json()["objects"][0] if answer.is_success and b'"objects"' in answer.content else {}
    return int(found["error"]["code"]) if "error" in found else answer.status_code


def by_xet(who: Sender, data: bytes) -> int:
    return who.xet(data).status_code


def by_commit(who: Sender, data: bytes) -> int:
    return who.commit({f"{hashlib.sha256(data).hexdigest()}.txt": data.hex().encode()[: len(data)]}).status_code


@pytest.mark.parametrize("door", [by_lfs, by_parts, by_xet, by_commit])
def test_b2_eight_uploads_for_the_last_megabyte(
    town: Hub, ada: Account, small: Sender, door: Callable[[Sender, bytes], int]
) -> None:
    size, who = 2_200_000 if door is by_parts else 700_000, small
    filling = os.urandom(LIMIT - size - 100_000)
    assert who.lfs(filling).status_code == 200
    assert who.commit(large=large(filling)).status_code == 200
    each = [os.urandom(size) for _ in range(AT_ONCE)]
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as threads:
        senders = [stack.enter_context(Sender(town, ada, who.repo)) for _ in each]
        answers = list(threads.map(door, senders, each))
    assert sorted(answers) == [200] + [413] * (AT_ONCE - 1)
    assert not has_room(who, 200_000)


def test_b2_owners_are_told_what_is_used_and_strangers_nothing(town: Hub, ada: Account, small: Sender) -> None:
    who, data = small, os.urandom(LIMIT + 1)
    eve = Sender(town, town.user(town.name("eve")), who.repo)
    for asking, words in ((who, f"{who.repo} uses 0 bytes of 3.0 MB"), (eve, f"The storage of {ada.name} is full")):
        (found,) = asking.batch("upload", (hashlib.sha256(data).hexdigest(), len(data))).json()["objects"]
        assert found["error"]["code"] == 413
        assert words in found["error"]["message"]
    eve.http.close()
    answer = who.commit({"a.txt": b"x" * (LIMIT + 1)})
    assert answer.status_code == 413
    assert answer.headers["x-error-code"] == "QuotaExceeded"
    assert "ask an administrator" in answer.headers["x-error-message"]


def test_b2_an_upload_that_breaks_off_holds_nothing(town: Hub, small: Sender) -> None:
    who, data = small, os.urandom(2_500_000)
    found = who.batch("upload", (hashlib.sha256(data).hexdigest(), len(data))).json()["objects"][0]
    address = urlsplit(found["actions"]["upload"]["href"])
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"PUT {address.path}?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data[:MB])
        eventually(lambda: not has_room(who, MB))
    eventually(lambda: has_room(who, LIMIT))
    assert who.lfs(data).status_code == 200


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_b2_git_says_why_and_what_frees_space_goes_on(town: Hub, tmp_path: Path) -> None:
    bob = town.user(town.name("bob"))
    town.cli("quota", "set", bob.name, "3MB")
    with sender(town, bob) as full, sender(town, bob) as pushed:
        text = os.urandom(1_250_000).hex().encode()
        assert full.commit({"a.txt": text}).status_code == 200
        work = pushed.clone(tmp_path / "work")
        (work / "b.txt").write_bytes(os.urandom(500_000).hex().encode())
        git(work, "add", "-A", check=True)
        git(work, "commit", "-qm", "more", check=True)
        refused = git(work, "push", "-q")
        assert refused.returncode != 0
        assert f"remote: Storage limit reached: {bob.name} uses 2.5 MB of 3.0 MB." in refused.stderr
        assert "pre-receive hook declined" in refused.stderr
        assert pushed.commit({"small.txt": b"x" * 10}).status_code == 200, "a refused push holds nothing"
        assert full.get("a.txt").status_code == 200
        assert full.commit(delete=("a.txt",)).status_code == 200
        body = {"name": full.repo.partition("/")[2], "organization": bob.name, "type": "model"}
        full.http.request("DELETE", "/api/repos/delete", json=body).raise_for_status()
        git(work, "pull", "-q", "--rebase", check=True)
        assert git(work, "push", "-q").returncode == 0


def publish(client: Client, repo: str, size: int) -> Any:
    import os

    client.api.create_repo(repo, exist_ok=True)
    return client.api.upload_file(path_or_fileobj=os.urandom(size), path_in_repo="x.bin", repo_id=repo).oid


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_b2_the_stock_client_shows_why(town: Hub, ada: Account, xet: bool) -> None:
    who = ada
    client, repo = Kind(CURRENT, xet=xet), f"{who.name}/{town.name('model')}"
    client.tell(publish, town, who.token, repo=repo, size=2_000_000)
    with pytest.raises(StoryFailed, match=rf"Storage limit reached: {repo} uses 2\.0 MB of 3\.0 MB"):
        client.tell(publish, town, who.token, repo=repo, size=1_500_000)
    with Sender(town, who, repo) as sending:
        listed = sending.http.get(f"/api/models/{repo}/lfs-files").json()
        body = {"deletions": {"sha": [file["oid"] for file in listed], "rewriteHistory": True}}
        sending.http.post(f"/api/models/{repo}/lfs-files/batch", json=body).raise_for_status()
    client.tell(publish, town, who.token, repo=repo, size=1_500_000)


def test_b2_copies_and_moves_count_where_they_come_to(town: Hub, ada: Account) -> None:
    who, data = sender(town, ada), os.urandom(2 * MB)
    assert who.lfs(data).status_code == 200
    assert who.commit(large=large(data)).status_code == 200
    org = town.org(town.name("lab"), {ada.name: "admin"})
    town.cli("quota", "set", org, "1MB")
    copy = who.http.post(f"/api/models/{who.repo}/duplicate", json={"repository": f"{org}/copy"})
    there = {"fromRepo": who.repo, "toRepo": f"{org}/moved", "type": "model"}
    move = who.http.post("/api/repos/move", json=there)
    assert (copy.status_code, move.status_code) == (413, 413)
    assert f"{org} uses 0 bytes of 1.0 MB" in move.headers["x-error-message"]
    town.cli("quota", "clear", org)
    who.http.post("/api/repos/move", json=there).raise_for_status()
    who.http.close()
    assert taken(town, org) == 2 * MB
