"""Buckets through the stock client: files by path, without revisions, that travel by Xet alone."""

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pioche.buckets import batch
from pioche.buckets.batch import Add, Delete, Operation
from pioche.buckets.files import EMPTY_XET_HASH
from pioche.names import EntryPath, RepoType
from pioche.protocols.buckets import events
from pioche.repos.access import Action
from tests.clients import CURRENT, Kind
from tests.clientside import Client
from tests.databases import SqliteTemplate
from tests.hub import Account, Hub
from tests.inside import Inside, assert_refused

CLIENT = Kind(CURRENT)


def fill_and_read(client: Client, bucket: str) -> Any:
    """From a path and from bytes, empty and large, read back by Xet."""
    api = client.api
    url = api.create_bucket(bucket, private=True)
    contents = {"from_path.bin": b"from a path" * 9, "a/large.bin": client.noise(400_000, "large"), "a/b/empty": b""}
    path = client.write("here.bin", contents["from_path.bin"])
    api.batch_bucket_files(bucket, add=[(str(path), "from_path.bin"), (contents["a/large.bin"], "a/large.bin")])
    api.batch_bucket_files(bucket, add=[(contents["a/b/empty"], "a/b/empty")])
    places = [(name, client.folder / "out" / name) for name in contents]
    api.download_bucket_files(bucket, [(name, str(place)) for name, place in places], raise_on_missing_files=True)
    info = api.bucket_info(bucket)
    api.sync_bucket(f"hf://buckets/{bucket}/a", str(client.folder / "synced"))
    return {
        "id": url.bucket_id,
        "again": api.create_bucket(bucket, exist_ok=True).bucket_id,
        "taken": client.refusal(api.create_bucket, bucket)["status"],
        "same": all(place.read_bytes() == contents[name] for name, place in places),
        "tree": [[found.type, found.path] for found in api.list_bucket_tree(bucket)],
        "top": [[found.type, found.path] for found in api.list_bucket_tree(bucket, recursive=False)],
        "folder": [[found.type, found.path] for found in api.list_bucket_tree(bucket, prefix="a/", recursive=False)],
        "dated": all(found.mtime and found.uploaded_at for found in api.list_bucket_tree(bucket)),
        "info": [info.id, info.private, info.size, info.total_files],
        "listed": [found.id for found in api.list_buckets(search=bucket.rpartition("/")[2].upper())],
        "known": [found.path for found in api.get_bucket_paths_info(bucket, ["from_path.bin", "a", "absent"])],
        "synced": sorted(client.digests(client.folder / "synced")),
        "metadata": api.get_bucket_file_metadata(bucket, "a/large.bin").size,
    }


def change(client: Client, bucket: str) -> Any:
    """Copies within the bucket and out of a repo, overwriting, deleting, renaming, making public."""
    api = client.api
    repo = bucket + "-repo"
    api.create_repo(repo)
    data = client.noise(20_000, "repo")
    api.upload_file(repo_id=repo, path_or_fileobj=data, path_in_repo="model.bin")
    api.copy_files(f"hf://{repo}/model.bin", f"hf://buckets/{bucket}/copied/")
    api.copy_files(f"hf://buckets/{bucket}/a", f"hf://buckets/{bucket}/z")
    api.batch_bucket_files(bucket, add=[(b"another", "from_path.bin")], delete=["a/large.bin", "never/there"])
    new = bucket + "-new"
    api.move_bucket(bucket, new)
    api.update_bucket_settings(new, private=False)
    api.download_bucket_files(new, [("copied/model.bin", "copied"), ("from_path.bin", "over")])
    found = {
        "paths": [entry.path for entry in api.list_bucket_tree(bucket)],
        "copied": (client.folder / "copied").read_bytes() == data,
        "over": client.text(client.folder / "over"),
        "private": api.bucket_info(new).private,
    }
    api.delete_bucket(new)
    return found | {"gone": client.refusal(api.bucket_info, new)["classes"][0]}


def look(client: Client, bucket: str, mine: str, stolen: str) -> Any:
    """What a stranger finds of a private bucket, and what knowing a hash gives."""
    api = client.api
    api.create_bucket(mine)
    add = client.hub._buckets._BucketAddFile(b"", "stolen.bin")
    add.xet_hash = stolen
    copy = ("bucket", bucket, stolen, "stolen.bin")
    return {
        "info": client.refusal(api.bucket_info, bucket)["classes"][0],
        "tree": client.refusal(lambda: list(api.list_bucket_tree(bucket)))["classes"][0],
        "write": client.refusal(api.batch_bucket_files, bucket, delete=["from_path.bin"])["status"],
        "listed": [found.id for found in api.list_buckets(bucket.partition("/")[0])],
        "added": client.refusal(api.batch_bucket_files, mine, add=[add])["status"],
        "copied": client.refusal(api.batch_bucket_files, mine, copy=[copy])["status"],
        "files": [found.path for found in api.list_bucket_tree(mine)],
    }


def resolved(hub: Hub, who: Account, bucket: str, path: str) -> tuple[bytes, Any]:
    request = urllib.request.Request(f"{hub.endpoint}/buckets/{bucket}/resolve/{path}", headers=who.bearer)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read(), answer.headers


def test_files_go_in_and_come_out_and_strangers_see_nothing(hub: Hub, ada: Account, eve: Account) -> None:
    bucket = f"{ada.name}/{hub.name('bucket')}"
    told = CLIENT.tell(fill_and_read, hub, ada.token, bucket=bucket)
    assert told == {
        "id": bucket,
        "again": bucket,
        "taken": 409,
        "same": True,
        "tree": [["file", "a/b/empty"], ["file", "a/large.bin"], ["file", "from_path.bin"]],
        "top": [["directory", "a"], ["file", "from_path.bin"]],
        "folder": [["directory", "a/b"], ["file", "a/large.bin"]],
        "dated": True,
        "info": [bucket, True, 400_099, 3],
        "listed": [bucket],
        "known": ["from_path.bin"],
        "synced": ["b/empty", "large.bin"],
        "metadata": 400_000,
    }
    body, headers = resolved(hub, ada, bucket, "from_path.bin")
    assert (body, headers["Content-Type"]) == (b"from a path" * 9, "application/octet-stream")
    assert resolved(hub, ada, bucket, "a%2Fb%2Fempty")[0] == b""
    seen = CLIENT.tell(
        look, hub, eve.token, bucket=bucket, mine=f"{eve.name}/{hub.name('mine')}", stolen=headers["X-Xet-Hash"]
    )
    refused = dict.fromkeys(("info", "tree"), "BucketNotFoundError")
    assert seen == refused | {"write": 404, "listed": [], "added": 422, "copied": 422, "files": []}
    assert CLIENT.tell(change, hub, ada.token, bucket=bucket) == {
        "paths": ["a/b/empty", "copied/model.bin", "from_path.bin", "z/b/empty", "z/large.bin"],
        "copied": True,
        "over": "another",
        "private": False,
        "gone": "BucketNotFoundError",
    }


# --- without a client ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    template = SqliteTemplate(tmp_path_factory.mktemp("template"))
    config = template.config(tmp_path_factory.mktemp("hub"), public_url="http://localhost:8000")
    with Inside(config) as running:
        yield running


EMPTY = "0" * 64


def add(path: str, xet_hash: str = EMPTY, **more: object) -> bytes:
    return json.dumps({"type": "addFile", "path": path, "xetHash": xet_hash, "mtime": 1, **more}).encode()


def test_a_batch_is_refused_by_the_operation(inside: Inside) -> None:
    token = inside.token(inside.user("ada"))
    assert inside.client.post("/api/buckets/me/words", token=token, json={}).status == 200
    batch = "/api/buckets/ada/words/batch"
    answer = inside.client.request(
        "POST", batch, token=token, body=b"\n".join([add("a"), add("../b"), add("c", "1" * 64)])
    )
    told = answer.json()
    assert (answer.status, told["succeeded"], [one["path"] for one in told["failed"]]) == (200, 1, ["../b", "c"])
    assert inside.client.request("POST", batch, token=token, body=add("c", "1" * 64)).status == 422
    for body in (b"{}", b"[", add("a", "short"), add("a", mtime=10**18), b'{"type":"moveFile","path":"a"}'):
        assert_refused(inside.client.request("POST", batch, token=token, body=body), statuses=(400,))
    assert_refused(inside.client.request("POST", batch, token=token, body=add("a") * 1001), statuses=(400,))
    many = b"\n".join([add("a")] * 1001)
    assert_refused(inside.client.request("POST", batch, token=token, body=many), statuses=(400,))
    assert [found["path"] for found in inside.client.get("/api/buckets/ada/words/tree", token=token).json()] == ["a"]


def test_listings_come_in_pages_and_by_any_prefix(inside: Inside) -> None:
    token = inside.token(inside.user("bob"))
    for name in ("One", "two", "three"):
        inside.client.post(f"/api/buckets/bob/{name}", token=token, json={"visibility": "private"})
    paths = ["a/1", "a/2", "a/\U0010ffffx", "a0", "ab/1", "b", "c/1/2", "é"]
    body = b"\n".join(add(path) for path in paths)
    assert inside.client.request("POST", "/api/buckets/bob/two/batch", token=token, body=body).status == 200

    def walk(address: str) -> Iterator[dict[str, Any]]:
        while address:
            answer = inside.client.get(address, token=token)
            yield from answer.json()
            link = answer.headers.get("link", "")
            address = link[1 : link.index(">")].removeprefix("http://localhost:8000") if link else ""

    tree = "/api/buckets/bob/two/tree"
    assert [found["path"] for found in walk(f"{tree}?limit=3")] == paths
    flat = ["a", "a0", "ab", "b", "c", "é"]
    assert [found["path"] for found in walk(f"{tree}?limit=1&recursive=false")] == flat
    assert [found["path"] for found in walk(f"{tree}/a?recursive=False")] == [*paths[:4], "ab"]
    assert all(found["uploadedAt"] for found in walk(f"{tree}?recursive=0"))
    assert [found["path"] for found in walk(f"{tree}/a%2F?limit=2")] == paths[:3]
    assert [found["id"] for found in walk("/api/buckets/me?limit=2")] == ["bob/One", "bob/three", "bob/two"]
    assert [found["id"] for found in walk("/api/buckets/bob?search=o")] == ["bob/One", "bob/two"]
    assert inside.client.get("/api/buckets/bob").json() == []
    assert inside.client.get("/api/buckets/me").status == 401
    assert inside.client.get("/api/buckets/nobody").status == 404


def test_a_bucket_is_no_repo_with_revisions(inside: Inside) -> None:
    cal = inside.user("cal")
    token = inside.token(cal)
    inside.client.post("/api/buckets/cal/here", token=token, json={})
    for type_ in ("bucket", "buckets"):
        made = inside.client.post("/api/repos/create", token=token, json={"name": "there", "type": type_})
        assert_refused(made, statuses=(400,))
    for path in ("/buckets/cal/here.git/info/refs?service=git-upload-pack", "/buckets/cal/here/raw/main/a"):
        assert inside.client.get(path, token=token).status in (404, 501)
    assert inside.client.get("/api/buckets/cal/here/resource-group", token=token).json() is None
    assert inside.client.request("DELETE", "/api/buckets/here", token=token).status == 404
    assert inside.client.get("/api/models?author=cal", token=token).json() == []


# --- following a bucket ---------------------------------------------------------------------------------------------


def _events(text: str) -> list[tuple[str, Any]]:
    parts = [part.split("\n") for part in text.split("\n\n") if part.startswith("event: ")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in parts]


def test_changes_of_a_bucket_can_be_followed(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream tells what was missed, then what happens; each part can be resumed behind its cursor."""
    monkeypatch.setattr(events, "_LIFE_SECONDS", 0.0)
    dee = inside.user("dee")
    token, path = inside.token(dee), "/api/buckets/dee/followed"
    inside.client.post(path, token=token, json={})
    bucket = inside.open(dee, "dee/followed", Action.WRITE, type=RepoType.BUCKET)

    def change(*operations: Operation) -> None:
        assert not batch.apply(inside.hub.access, dee, bucket, operations)

    a, b = (Add(EntryPath(name), EMPTY_XET_HASH, 1_700_000_000_000) for name in ("a", "b"))
    change(a, b)
    change(a, Delete(EntryPath("b")), Delete(EntryPath("never")))
    told = _events(inside.client.get(f"{path}/events?since=2020-01-01T00:00:00Z", token=token).text)
    assert [name for name, _ in told] == ["reset"], "so long ago nothing is kept"
    since = (datetime.now(UTC) - timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
    told = _events(inside.client.get(f"{path}/events?since={since}", token=token).text)
    assert [name for name, _ in told] == ["changes", "changes", "ready", "reconnect"]
    first, second = (data["changes"] for _, data in told[:2])
    assert [(one["op"], one["path"]) for one in first] == [("add", "a"), ("add", "b")]
    assert [(one["op"], one["path"]) for one in second] == [("delete", "b"), ("update", "a")]
    assert first[0]["xetHash"] == EMPTY_XET_HASH
    assert (first[0]["size"], first[0]["mtime"]) == (0, "2023-11-14T22:13:20.000Z")
    after = _events(inside.client.get(f"{path}/events?cursor={told[0][1]['cursor']}", token=token).text)
    assert [data["changes"] for name, data in after if name == "changes"] == [second]
    live = _events(inside.client.get(f"{path}/events", token=token).text)
    assert [name for name, _ in live] == ["ready", "reconnect"], "without a place to begin: only what is new"
    for wrong in ("cursor=x", "cursor=1.2", "since=yesterday", "since=9999999999"):
        assert_refused(inside.client.get(f"{path}/events?{wrong}", token=token), statuses=(400,))


def test_what_happens_while_a_bucket_is_followed_is_told(hub: Hub, ada: Account) -> None:
    bucket = f"{ada.name}/{hub.name('live')}"
    told = CLIENT.tell(follow, hub, ada.token, bucket=bucket)
    assert told == {"reconciled": 1, "subscribed": True, "changes": [["add", "a.bin", 5], ["delete", "a.bin", None]]}


def follow(client: Client, bucket: str) -> Any:
    """The client's own follower, as its file system uses it."""
    import time

    from huggingface_hub import _bucket_live_follow

    client.api.create_bucket(bucket)
    found, reconciled = [], []
    follower = _bucket_live_follow.BucketFollower(
        endpoint=client.api.endpoint,
        bucket_id=bucket,
        token=client.api.token,
        on_changes=lambda changes: found.extend([one.op, one.path, one.size] for one in changes),
        on_reconcile=lambda: reconciled.append(1),
        is_alive=lambda: True,
    )
    follower.start()

    def wait(enough: Any) -> None:
        for _ in range(600):
            if enough():
                return
            time.sleep(0.05)

    wait(lambda: follower.subscribed)
    client.api.batch_bucket_files(bucket, add=[(b"hello", "a.bin")])
    client.api.batch_bucket_files(bucket, delete=["a.bin"])
    wait(lambda: len(found) >= 2)
    follower.stop()
    return {"reconciled": len(reconciled), "subscribed": follower.subscribed, "changes": found}
