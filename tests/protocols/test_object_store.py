"""The stock clients against a hub whose rows are in PostgreSQL and whose large files are in an S3 store."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from pioche.storage.xet.hashing import to_text
from tests.clients import CURRENT, OLDEST, Kind
from tests.clientside import Client
from tests.hub import Account, Hub
from tests.local import sha256_of
from tests.objectstore import ObjectStore
from tests.protocols.git import commit, create, must
from tests.xet_client import file_of, shard_of

MIB = 2**20
KINDS = [Kind(CURRENT), Kind(CURRENT, xet=False), Kind(OLDEST), Kind(OLDEST, xet=False)]


@pytest.fixture(scope="module")
def hub(cluster: Callable[..., Hub]) -> Hub:
    """Downloads are redirected, uploads come through the hub; files of more than 5 MiB come in parts."""
    return cluster(lfs_part_bytes=str(5 * MIB))


@pytest.fixture(scope="module")
def ada(hub: Hub) -> Account:
    return hub.user("ada")


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def kept_on_disk(hub: Hub) -> list[Path]:
    """Large files that lie where none should: in the data folder."""
    return [path for part in ("blobs", "xet", "incoming") for path in files_of(hub.data_dir / part)]


def there_and_back(client: Client, repo: str) -> Any:
    api = client.api
    api.create_repo(repo)
    names = {"model.safetensors": 12_000_000, "small.bin": 1000}
    for name, size in names.items():
        client.write(f"source/{name}", client.noise(size, f"{repo}/{name}"))
    client.write("source/README.md", b"# Words\n")
    api.upload_folder(repo_id=repo, folder_path=client.folder / "source")
    # The same again, elsewhere: what is in the store is not stored twice, and not lost.
    api.upload_file(
        repo_id=repo, path_or_fileobj=client.folder / "source/model.safetensors", path_in_repo="again/model.safetensors"
    )
    pulled = client.digests(api.snapshot_download(repo, local_dir=client.folder / "pulled"))
    expected = client.digests(client.folder / "source")
    weights = client.hub.get_hf_file_metadata(client.hub.hf_hub_url(repo, "model.safetensors"))
    return {
        "same": all(pulled[name] == digest for name, digest in expected.items()),
        "again": pulled["again/model.safetensors"] == expected["model.safetensors"],
        "etag": weights.etag == expected["model.safetensors"],
        "size": weights.size,
        "by xet": weights.xet_file_data is not None,
    }


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_folder_there_and_back(hub: Hub, ada: Account, kind: Kind) -> None:
    repo = f"{ada.name}/{hub.name('words')}"
    told = kind.tell(there_and_back, hub, ada.token, repo=repo)
    assert told == {"same": True, "again": True, "etag": True, "size": 12_000_000, "by xet": kind.xet}
    assert kept_on_disk(hub) == []


def read_by_all(client: Client, repo: str, expected: str) -> Any:
    return client.sha256(client.api.hf_hub_download(repo, "model.bin")) == expected


def test_git_lfs_pushes_clones_and_is_read_by_others(hub: Hub, ada: Account, tmp_path: Path) -> None:
    remote = create(hub, ada)
    work = remote.clone(tmp_path / "work")
    data = os.urandom(7 * MIB + 1)
    commit(work, {"model.bin": data, "dir/small.bin": b"small"})
    must(work, "push", "-q", "origin", "main")
    back = remote.clone(tmp_path / "back")
    assert (back / "model.bin").read_bytes() == data
    must(back, "lfs", "fsck")
    repo = remote.bare_url.removeprefix(f"{hub.endpoint}/")
    for kind in KINDS:
        assert kind.tell(read_by_all, hub, ada.token, repo=repo, expected=sha256_of(data)), kind
    assert kept_on_disk(hub) == []


# --- what a redirect says -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data() -> bytes:
    return os.urandom(2 * MIB + 3)


@pytest.fixture(scope="module")
def url(hub: Hub, ada: Account, data: bytes) -> str:
    """Of a large file kept whole, in a private repo."""
    repo = f"{ada.name}/{hub.name('kept')}"
    Kind(CURRENT, xet=False).tell(_kept, hub, ada.token, repo=repo, hexadecimal=data.hex())
    return f"{hub.endpoint}/{repo}/resolve/main/a page 1.html"


def _kept(client: Client, repo: str, hexadecimal: str) -> None:
    client.api.create_repo(repo, private=True)
    data = bytes.fromhex(hexadecimal)
    lines = "*.html filter=lfs diff=lfs merge=lfs -text\n*.txt filter=lfs diff=lfs merge=lfs -text\n"
    client.api.upload_file(repo_id=repo, path_or_fileobj=lines.encode(), path_in_repo=".gitattributes")
    client.api.upload_file(repo_id=repo, path_or_fileobj=data, path_in_repo="a page 1.html")


def test_the_first_answer_tells_all_and_the_second_has_the_bytes(
    hub: Hub, ada: Account, object_store: ObjectStore, url: str, data: bytes
) -> None:
    etag = f'"{sha256_of(data)}"'
    head = httpx.head(url, headers=ada.bearer)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(data)))
    first = httpx.get(url, headers=ada.bearer)
    assert first.status_code == 302
    for name in ("etag", "x-repo-commit", "x-linked-etag", "x-linked-size", "content-disposition", "accept-ranges"):
        assert first.headers[name] == head.headers[name], name
    assert first.headers["etag"] == etag
    assert first.headers["cache-control"] == "private, no-store", "the address ends"
    location = first.headers["location"]
    assert location.startswith(object_store.endpoint)
    assert int(parse_qs(urlsplit(location).query)["X-Amz-Expires"][0]) <= 900
    second = httpx.get(location)
    assert second.content == data
    # F-RAW: a page is text, wherever it comes from.
    assert second.headers["content-type"] == "text/plain; charset=utf-8"
    assert second.headers["content-disposition"] == head.headers["content-disposition"]
    known = httpx.get(url, headers={**ada.bearer, "If-None-Match": etag})
    assert (known.status_code, known.headers.get("location")) == (304, None)


def test_to_save_is_to_save(ada: Account, url: str) -> None:
    found = httpx.get(f"{url}?download=true", headers=ada.bearer, follow_redirects=True)
    assert found.headers["content-disposition"].startswith("attachment;")


def test_a_range_is_had_from_the_store(ada: Account, url: str, data: bytes) -> None:
    found = httpx.get(url, headers={**ada.bearer, "Range": "bytes=5-9"}, follow_redirects=True)
    assert (found.status_code, found.content) == (206, data[5:10])
    past = httpx.get(url, headers={**ada.bearer, "Range": f"bytes={len(data)}-"}, follow_redirects=True)
    assert past.status_code == 416


def test_a_stranger_is_told_nothing(hub: Hub, url: str) -> None:
    stranger = hub.user(hub.name("eve"))
    for headers in ({}, stranger.bearer):
        found = httpx.get(url, headers=headers)
        assert found.status_code in (401, 404)
        assert "location" not in found.headers


def test_a_signed_address_opens_one_thing_only(ada: Account, object_store: ObjectStore, url: str, data: bytes) -> None:
    if not object_store.checks_signatures:
        pytest.skip("moto checks no signatures")
    location = httpx.get(url, headers=ada.bearer).headers["location"]
    assert httpx.get(location.replace(sha256_of(data), sha256_of(b"other"))).status_code == 403
    assert httpx.get(location.replace("text%2Fplain", "text%2Fhtml")).status_code == 403
    assert httpx.put(location, content=b"x").status_code == 403
    assert httpx.delete(location).status_code == 403


# --- Xet --------------------------------------------------------------------------------------------------------------


def xet_upload(client: Client, repo: str) -> str:
    client.api.create_repo(repo, private=True)
    path = client.write("model.safetensors", client.noise(3_000_000, repo))
    client.api.upload_file(repo_id=repo, path_or_fileobj=path, path_in_repo="model.safetensors")
    return client.sha256(path)


def test_data_addresses_of_xet_open_their_range_only_and_end(
    cluster: Callable[..., Hub], object_store: ObjectStore
) -> None:
    """xet.md section 8.7: signed by the store, bound to the range; 403 means that it has expired."""
    hub = cluster(download_url_seconds="3")
    ada = hub.user("ada")
    Kind(CURRENT).tell(xet_upload, hub, ada.token, repo="ada/m")
    head = httpx.head(f"{hub.endpoint}/ada/m/resolve/main/model.safetensors", headers=ada.bearer)
    token = httpx.get(f"{hub.endpoint}/api/models/ada/m/xet-read-token/main", headers=ada.bearer).json()
    plan = httpx.get(
        f"{token['casUrl']}/v2/reconstructions/{head.headers['x-xet-hash']}",
        headers={"Authorization": f"Bearer {token['accessToken']}", "Range": "bytes=1000000-1999999"},
    ).json()
    ((entry,),) = plan["xorbs"].values()
    ((span,), address) = entry["ranges"], entry["url"]
    assert address.startswith(object_store.endpoint)
    start, last = span["bytes"]["start"], span["bytes"]["end"]
    found = httpx.get(address, headers={"Range": f"bytes={start}-{last}"})
    assert (found.status_code, len(found.content)) == (206, last - start + 1)
    if object_store.checks_signatures:
        for asked in ({"Range": f"bytes={start}-{last + 1}"}, {"Range": "bytes=0-9"}, {}):
            assert httpx.get(address, headers=asked).status_code == 403, asked
        deadline = time.monotonic() + 60
        while httpx.get(address, headers={"Range": f"bytes={start}-{last}"}).status_code != 403:
            assert time.monotonic() < deadline, "the address never ends"
            time.sleep(0.5)


# --- without redirects ------------------------------------------------------------------------------------------------


def test_everything_comes_through_the_hub_when_asked_to(cluster: Callable[..., Hub]) -> None:
    hub = cluster(storage_redirects="off")
    ada = hub.user("ada")
    for number, kind in enumerate((Kind(CURRENT), Kind(CURRENT, xet=False))):
        repo = f"ada/m{number}"
        assert kind.tell(there_and_back, hub, ada.token, repo=repo)["same"]
        found = httpx.get(f"{hub.endpoint}/{repo}/resolve/main/model.safetensors", headers=ada.bearer)
        assert found.status_code == 200
        assert found.headers["etag"] == f'"{sha256_of(found.content)}"'
        part = httpx.get(
            f"{hub.endpoint}/{repo}/resolve/main/model.safetensors", headers={**ada.bearer, "Range": "bytes=5-9"}
        )
        assert part.content == found.content[5:10]


# --- straight to the store --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def direct(cluster: Callable[..., Hub]) -> Hub:
    return cluster(storage_direct_uploads="on", lfs_part_bytes=str(5 * MIB), log_level="debug")


@pytest.fixture(scope="module")
def bob(direct: Hub) -> Account:
    return direct.user("bob")


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_folder_straight_to_the_store_and_back(direct: Hub, bob: Account, kind: Kind) -> None:
    repo = f"{bob.name}/{direct.name('words')}"
    told = kind.tell(there_and_back, direct, bob.token, repo=repo)
    assert told == {"same": True, "again": True, "etag": True, "size": 12_000_000, "by xet": kind.xet}
    assert kept_on_disk(direct) == []
    lines = [json.loads(line) for line in direct.output().splitlines() if line.startswith("{")]
    asked = [(line.get("method"), str(line.get("path"))) for line in lines]
    assert any("/xorb-commits/" in path for _, path in asked) or not kind.xet
    bodies = [path for method, path in asked if "/v1/xorbs/" in path or (method == "PUT" and path.startswith("/lfs/"))]
    assert bodies == [], "no large file came through the hub"


def test_git_lfs_sends_to_the_store(direct: Hub, bob: Account, tmp_path: Path) -> None:
    remote = create(direct, bob)
    work = remote.clone(tmp_path / "work")
    data = os.urandom(7 * MIB + 1)
    commit(work, {"model.bin": data, "dir/small.bin": b"small", "empty.bin": b""})
    must(work, "push", "-q", "origin", "main")
    back = remote.clone(tmp_path / "back")
    assert (back / "model.bin").read_bytes() == data
    must(back, "lfs", "fsck")
    assert kept_on_disk(direct) == []


def granted(direct: Hub, bob: Account, repo: str, data: bytes) -> dict[str, Any]:
    """The actions of an LFS upload of `data`."""
    asked = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": sha256_of(data), "size": len(data)}]}
    answer = httpx.post(f"{direct.endpoint}/{repo}.git/info/lfs/objects/batch", headers=bob.bearer, json=asked)
    (found,) = answer.raise_for_status().json()["objects"]
    return dict(found["actions"])


def test_rights_are_asked_again_at_the_end_and_a_replay_is_harmless(
    direct: Hub, bob: Account, object_store: ObjectStore
) -> None:
    repo = create(direct, bob).bare_url.removeprefix(f"{direct.endpoint}/")
    data = os.urandom(1000)
    claim = {"oid": sha256_of(data), "size": len(data)}
    actions = granted(direct, bob, repo, data)
    verify = actions["verify"]["href"]
    assert actions["upload"]["href"].startswith(object_store.endpoint)
    assert httpx.post(verify, json=claim).status_code == 404, "nothing has arrived"
    httpx.put(actions["upload"]["href"], content=data).raise_for_status()

    # For another file, another upload, another repo: the address is bound to all of them.
    other = granted(direct, bob, repo, os.urandom(1000))["verify"]["href"]
    foreign = create(direct, bob).bare_url.removeprefix(f"{direct.endpoint}/")
    theirs = granted(direct, bob, foreign, data)["verify"]["href"]
    upload_of = {url: parse_qs(urlsplit(url).query)["upload"][0] for url in (verify, other, theirs)}
    for url in (other, theirs):
        assert httpx.post(verify.replace(upload_of[verify], upload_of[url]), json=claim).status_code == 403
    assert httpx.post(other, json=claim).status_code == 422

    for _ in range(2):
        assert httpx.post(verify, json=claim).status_code == 200
    httpx.put(actions["upload"]["href"], content=os.urandom(1000))
    assert httpx.post(verify, json=claim).status_code == 200


def test_who_lost_the_right_cannot_finish(direct: Hub, bob: Account) -> None:
    repo = create(direct, bob).bare_url.removeprefix(f"{direct.endpoint}/")
    token = direct.token(bob.name)
    data = os.urandom(1000)
    actions = granted(direct, Account(bob.name, token), repo, data)
    httpx.put(actions["upload"]["href"], content=data).raise_for_status()
    api = httpx.request("DELETE", f"{direct.endpoint}/api/repos/delete", headers=bob.bearer, json=_named(repo))
    assert api.is_success, api.text
    ended = httpx.post(actions["verify"]["href"], json={"oid": sha256_of(data), "size": len(data)})
    assert ended.status_code == 404


def _named(repo: str) -> dict[str, str]:
    namespace, _, name = repo.partition("/")
    return {"organization": namespace, "name": name, "type": "model"}


def test_other_bytes_are_refused(direct: Hub, bob: Account) -> None:
    repo = create(direct, bob).bare_url.removeprefix(f"{direct.endpoint}/")
    data = os.urandom(1000)
    actions = granted(direct, bob, repo, data)
    httpx.put(actions["upload"]["href"], content=os.urandom(1000)).raise_for_status()
    ended = httpx.post(actions["verify"]["href"], json={"oid": sha256_of(data), "size": len(data)})
    assert ended.status_code == 422
    assert "sha256" in ended.json()["message"]


def test_grants_of_xet(direct: Hub, bob: Account, object_store: ObjectStore) -> None:
    """xet.md section 8.3: the xorb is verified before 200; 404 says that nothing arrived; a grant is its asker's alone."""
    eve = direct.user(direct.name("eve"))
    cas = {who.name: _write_token(direct, who) for who in (bob, eve)}
    file, xorb = file_of(os.urandom(50_000))
    name = to_text(xorb.name)

    def ask(who: Account, path: str, body: Any = None) -> httpx.Response:
        url, bearer = cas[who.name]
        return httpx.post(f"{url}/v1/{path}", headers=bearer, json=body)

    answer = ask(bob, f"xorb-grants/default/{name}", {"length": len(xorb.body)})
    assert answer.status_code == 201
    grant = answer.json()
    assert (grant["method"], grant["headers"]) == ("PUT", {})
    commit = f"xorb-commits/default/{name}/grant/{grant['id']}"
    assert ask(bob, commit).status_code == 404
    httpx.put(grant["url"], content=bytes(len(xorb.body))).raise_for_status()
    assert ask(bob, commit).status_code == 400, "these are other bytes"
    httpx.put(grant["url"], content=xorb.body).raise_for_status()
    assert ask(eve, commit).status_code == 403
    assert ask(bob, commit.replace(name, to_text(file_of(b"other")[1].name))).status_code == 403
    done = ask(bob, commit)
    assert (done.status_code, done.json()) == (200, {"was_inserted": True})
    assert ask(bob, commit).status_code == 404, "it was used"
    url, bearer = cas[bob.name]
    shard = httpx.post(f"{url}/v1/shards", headers=bearer, content=shard_of([file], [xorb]))
    assert shard.json() == {"result": 1}
    assert ask(bob, f"xorb-grants/default/{name}", {"length": 10**9}).status_code == 413
    if object_store.checks_signatures:
        assert httpx.put(grant["url"], content=xorb.body + b"x").status_code == 403


def _write_token(hub: Hub, account: Account) -> tuple[str, dict[str, str]]:
    repo = create(hub, account).bare_url.removeprefix(f"{hub.endpoint}/")
    token = httpx.get(f"{hub.endpoint}/api/models/{repo}/xet-write-token/main", headers=account.bearer).json()
    return token["casUrl"], {"Authorization": f"Bearer {token['accessToken']}"}


def test_a_commit_takes_what_was_sent_and_not_verified(direct: Hub, bob: Account) -> None:
    """As @huggingface/hub does, which knows no `verify`."""
    repo = create(direct, bob).bare_url.removeprefix(f"{direct.endpoint}/")
    data = os.urandom(1000)
    httpx.put(granted(direct, bob, repo, data)["upload"]["href"], content=data).raise_for_status()
    value = {"path": "a.bin", "algo": "sha256", "oid": sha256_of(data), "size": len(data)}
    lines = [{"key": "header", "value": {"summary": "x"}}, {"key": "lfsFile", "value": value}]
    body = "\n".join(map(json.dumps, lines))
    done = httpx.post(f"{direct.endpoint}/api/models/{repo}/commit/main", headers=bob.bearer, content=body)
    assert done.status_code == 200, done.text
    found = httpx.get(
        f"{direct.endpoint}/{repo}/resolve/main/a.bin", headers=bob.bearer, follow_redirects=True, timeout=60
    )
    assert found.content == data
