"""J7, J11, C5 and collection as an operator, an owner and the stock client meet them."""

import hashlib
import http.client
import random
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pioche.repos import refs
from pioche.repos.refs import RefChange, Update
from pioche.upkeep.collection.options import Options
from pioche.upkeep.collection.run import Collector
from tests.clients import CURRENT, Kind
from tests.clientside import Client
from tests.core import main
from tests.hub import Account, Hub
from tests.inside import Inside


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One of its own: what is collected here is everybody's."""
    with Hub(tmp_path_factory.mktemp("collected"), {"GC_SECONDS": "0"}) as running:
        yield running


@pytest.fixture(scope="module")
def ada(hub: Hub) -> Account:
    return hub.user("ada")


def publish(client: Client, repo: str, folder: str) -> Any:
    client.api.create_repo(repo, exist_ok=True)
    return client.api.upload_folder(repo_id=repo, folder_path=folder).oid


def remove_all(client: Client, repo: str) -> Any:
    client.api.delete_file("model.bin", repo_id=repo)
    client.api.super_squash_history(repo)


def fetch(client: Client, repo: str) -> Any:
    return client.sha256(client.api.hf_hub_download(repo, "model.bin", force_download=True))


def xorbs(hub: Hub) -> list[Path]:
    return [path for path in (hub.data_dir / "xet" / "xorbs").rglob("*") if path.is_file()]


def test_after_gc_now_a_client_that_remembers_uploads_again(hub: Hub, ada: Account, tmp_path: Path) -> None:
    """The client keeps a list of the xorbs that it has sent, by the address of the repo's store: that one changes."""
    data = random.Random(7).randbytes(3_000_000)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "model.bin").write_bytes(data)
    client = Kind(CURRENT, settings={"HF_HOME": str(tmp_path / "home")})
    client.tell(publish, hub, ada.token, repo="ada/again", folder=str(folder))
    assert len(xorbs(hub)) == 1
    client.tell(remove_all, hub, ada.token, repo="ada/again")
    kept = hub.cli("gc")
    assert (kept["freed"], len(xorbs(hub))) == (0, 1)
    plan = hub.cli("gc", "--now", "--dry-run")
    done = hub.cli("gc", "--now")
    assert done["by_reason"] == plan["by_reason"]
    assert done["freed"] >= len(data)
    assert xorbs(hub) == []
    client.tell(publish, hub, ada.token, repo="ada/again", folder=str(folder))
    assert client.tell(fetch, hub, ada.token, repo="ada/again") == hashlib.sha256(data).hexdigest()


def call(hub: Hub, who: Account, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    headers = {**who.bearer, "Content-Type": "application/json"}
    request = urllib.request.Request(hub.endpoint + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_c5_a_repo_deleted_and_collected_under_its_readers(hub: Hub, ada: Account, tmp_path: Path) -> None:
    """Whoever reads gets all of it or sees that it broke off; who comes later is told that there is nothing."""
    data = random.Random(8).randbytes(40_000_000)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "model.bin").write_bytes(data)
    Kind(CURRENT, xet=False).tell(publish, hub, ada.token, repo="ada/read", folder=str(folder))
    outcomes, started = list[str](), threading.Barrier(11)

    def read() -> None:
        started.wait()
        try:
            status, body = call(hub, ada, "GET", "/ada/read/resolve/main/model.bin")
        except (http.client.IncompleteRead, ConnectionError):
            outcomes.append("broken off")
            return
        outcomes.append("whole" if body == data else str(status))

    readers = [threading.Thread(target=read) for _ in range(10)]
    for reader in readers:
        reader.start()
    started.wait()
    assert call(hub, ada, "DELETE", "/api/repos/delete", b'{"name": "read", "organization": "ada"}')[0] == 200
    hub.cli("gc", "--now")
    for reader in readers:
        reader.join()
    assert set(outcomes) <= {"whole", "broken off", "404"}
    assert call(hub, ada, "GET", "/ada/read/resolve/main/model.bin")[0] == 404
    assert call(hub, ada, "POST", "/api/repos/create", b'{"name": "read"}')[0] == 200
    assert call(hub, ada, "GET", "/ada/read/resolve/main/model.bin")[0] == 404
    batch = b'{"operation": "download", "objects": [{"oid": "%s", "size": 40000000}]}'
    answer = call(
        hub, ada, "POST", "/ada/read.git/info/lfs/objects/batch", batch % hashlib.sha256(data).hexdigest().encode()
    )
    assert b'"code":404' in answer[1]
    assert "blobs" in hub.cli("gc", "--dry-run")["usage"]["stored"]


def test_j7_an_owner_restores_over_http_and_an_administrator_on_the_machine(hub: Hub, ada: Account) -> None:
    assert call(hub, ada, "POST", "/api/repos/create", b'{"name": "oops"}')[0] == 200
    for body in (b"", b"{}"):
        assert call(hub, ada, "DELETE", "/api/repos/delete", b'{"name": "oops"}')[0] == 200
        (found,) = [repo for repo in hub.cli("repo", "deleted") if repo["name"] == "ada/oops"]
        assert found["deleted_by"] == "ada"
        assert call(hub, ada, "GET", "/api/models/ada/oops")[0] == 404
        assert found["uid"].encode() in call(hub, ada, "GET", "/api/deleted-repos")[1]
        path = f"/api/deleted-repos/{found['uid']}/restore"
        assert call(hub, ada, "POST", path, body)[0] == 200
        assert call(hub, ada, "GET", "/api/models/ada/oops")[0] == 200
    assert call(hub, ada, "DELETE", "/api/repos/delete", b'{"name": "oops"}')[0] == 200
    assert hub.cli("repo", "restore", found["uid"], "--name", "ada/rescued")["name"] == "ada/rescued"
    assert call(hub, ada, "GET", "/api/models/ada/rescued")[0] == 200
    assert call(hub, ada, "POST", "/api/models/ada/rescued/branch/dev", b"{}")[0] == 200
    assert call(hub, ada, "DELETE", "/api/models/ada/rescued/branch/dev")[0] == 200
    gone, made = hub.cli("repo", "reflog", "ada/rescued")
    assert (gone["new"], gone["actor"], made["old"]) == (None, "ada", None)
    restored = hub.cli("repo", "restore-ref", "ada/rescued", str(gone["id"]))
    assert restored == {"name": "ada/rescued", "ref": "refs/heads/dev", "commit": gone["old"]}
    assert b'"refs/heads/dev"' in call(hub, ada, "GET", "/api/models/ada/rescued/refs")[1]
    assert call(hub, ada, "GET", "/api/models/ada/rescued/reflog?ref=refs/heads/dev")[0] == 200


def test_what_gc_says_to_people(hub: Hub) -> None:
    done = hub.command("gc", "--dry-run")
    assert done.returncode == 0
    assert "would go out of use" in done.stdout
    assert "Stored: blobs" in done.stdout
    assert hub.command("gc", "--repo", "nobody/nothing").returncode == 1


# --- J11 ----------------------------------------------------------------------------------------------------------------


def collect(inside: Inside, **options: bool) -> None:
    hub = inside.hub
    Collector(hub.config, hub.database, hub.blobs, hub.access.stores.git).run(Options(now=True, **options))


@pytest.mark.parametrize("thorough", [True, False])
def test_j11_a_pinned_address_gives_the_same_bytes_or_not_found(inside: Inside, thorough: bool) -> None:
    """Also when git's objects of the revision are there still and its large files are not."""
    ada = inside.user("ada")
    repo, token = inside.repo(ada, "ada/pinned"), inside.token(ada)
    large = inside.upload(repo, ada, b"large" * 1000)
    inside.commit(repo, ada, {"small.txt": b"small", "large.bin": large})
    old = main(repo).commit
    addresses = {
        f"/ada/pinned/resolve/{old}/small.txt": b"small",
        f"/ada/pinned/resolve/{old}/large.bin": b"large" * 1000,
    }
    refs.update(repo, ada, Update([RefChange.to_commit("refs/heads/main", old, repo.genesis.commit)]))
    for address, data in addresses.items():
        assert inside.client.get(address, token=token).body == data
    hub = inside.hub
    Collector(hub.config, hub.database, hub.blobs, hub.access.stores.git).run(Options())
    for address, data in addresses.items():
        assert inside.client.get(address, token=token).body == data
    collect(inside, thorough=thorough)
    for address, data in addresses.items():
        for method in ("HEAD", "GET"):
            answer = inside.client.request(method, address, token=token)
            same = answer.status == 200 and (method == "HEAD" or answer.body == data)
            assert answer.status == 404 or (same and data == b"small"), (method, address, answer)
    assert inside.client.get("/ada/pinned/resolve/main/.gitattributes", token=token).status == 200
