"""lfs-files, duplication and resource groups: plain requests, hostile bodies, and what a stranger may not do with them."""

import json
from typing import Any

import pytest

from pioche.accounts.callers import Caller
from pioche.buckets import batch
from pioche.buckets.batch import Add
from pioche.names import EntryPath, RepoType
from pioche.repos import refs
from pioche.repos.access import Repo
from pioche.repos.catalog import Settings
from pioche.storage.xet.hashing import to_text
from tests.asgi import HOST
from tests.inside import Inside, assert_refused
from tests.xet_client import make
from tests.xet_world import Cas

ZERO = "0" * 64


@pytest.fixture
def ada(inside: Inside) -> Caller:
    return inside.user("ada")


@pytest.fixture
def token(inside: Inside, ada: Caller) -> str:
    return inside.token(ada)


@pytest.fixture
def repo(inside: Inside, ada: Caller) -> Repo:
    repo = inside.repo(ada, "ada/words", private=True)
    inside.commit(repo, ada, {"large.bin": inside.upload(repo, ada, b"large file"), "a.txt": b"1"})
    return repo


BODIES: dict[str, Any] = {
    "empty": b"",
    "no object": b"[]",
    "not json": b"{",
    "deletions missing": {},
    "sha missing": {"deletions": {}},
    "sha no list": {"deletions": {"sha": ZERO}},
    "sha too short": {"deletions": {"sha": ["00"]}},
    "sha with a newline": {"deletions": {"sha": [ZERO + "\n"]}},
    "sha in capitals": {"deletions": {"sha": ["A" * 64]}},
    "too many": {"deletions": {"sha": [ZERO] * 1001}},
    "rewriteHistory no flag": {"deletions": {"sha": [ZERO], "rewriteHistory": "maybe"}},
}


@pytest.mark.parametrize("name", BODIES)
def test_d_json_deletions(inside: Inside, token: str, repo: Repo, name: str) -> None:
    body = BODIES[name] if isinstance(BODIES[name], bytes) else json.dumps(BODIES[name]).encode()
    before = refs.all_refs(repo)
    answer = inside.client.post("/api/models/ada/words/lfs-files/batch", token=token, body=body)
    assert_refused(answer)
    assert refs.all_refs(repo) == before


COPIES: dict[str, Any] = {
    "empty": {},
    "no target": {"files": []},
    "no files": {"target": {"type": "model", "name": "ada/words"}},
    "a strange type": {"target": {"type": "kernel", "name": "ada/words"}, "files": []},
    "no such target": {"target": {"type": "model", "name": "ada/absent"}, "files": []},
    "a target without a namespace": {"target": {"type": "model", "name": "words"}, "files": []},
    "a file without a hash": {"target": {"type": "model", "name": "ada/words"}, "files": [{"filename": "x"}]},
    "a hash that is none": {"target": {"type": "model", "name": "ada/words"}, "files": [{"sha256": "../../x"}]},
    "too many": {"target": {"type": "model", "name": "ada/words"}, "files": [{"sha256": ZERO}] * 501},
}


@pytest.mark.parametrize("name", COPIES)
def test_d_json_copies(inside: Inside, token: str, repo: Repo, name: str) -> None:
    answer = inside.client.post("/api/models/ada/words/lfs-files/duplicate", token=token, json=COPIES[name])
    assert_refused(answer)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"repository": ""},
        {"repository": "a/b/c"},
        {"repository": "ada/.."},
        {"repository": "ada/x", "visibility": "?"},
        {"repository": "nobody/x"},
        {"repository": 5},
        {"repository": "ada/" + "x" * 500},
        {"repository": "ada/words"},
    ],
    ids=range(9),
)
def test_d_json_duplication(inside: Inside, token: str, repo: Repo, body: Any) -> None:
    assert_refused(inside.client.post("/api/models/ada/words/duplicate", token=token, json=body))


def test_one_large_file_is_removed_by_its_address(inside: Inside, token: str, repo: Repo) -> None:
    path = "/api/models/ada/words/lfs-files"
    (listed,) = inside.client.get(path, token=token).json()
    assert (listed["filename"], listed["ref"], listed["size"]) == ("large.bin", "refs/heads/main", 10)
    for wrong in ("x", ZERO[1:], "A" * 64):
        assert_refused(inside.client.request("DELETE", f"{path}/{wrong}", token=token), statuses=(400,))
    assert inside.client.request("DELETE", f"{path}/{listed['fileOid']}", token=token).status == 200
    assert inside.client.get(path, token=token).json() == []
    tree = inside.client.get("/api/models/ada/words/tree/main", token=token).json()
    assert [entry["path"] for entry in tree] == [".gitattributes", "a.txt"]


def test_e_i5_a_stranger_copies_nothing_out_and_nothing_in(inside: Inside, ada: Caller, token: str, repo: Repo) -> None:
    bob = inside.user("bob")
    theirs = inside.repo(bob, "bob/mine")
    sha256 = inside.upload(repo, ada, b"large file")
    files = [{"sha256": sha256, "filename": "large.bin"}]
    into = {"target": {"type": "model", "name": str(theirs.repo_id)}, "files": files}
    answer = inside.client.post("/api/models/ada/words/lfs-files/duplicate", token=inside.token(bob), json=into)
    assert answer.status == 404
    absent = inside.client.post("/api/models/bob/mine/lfs-files/duplicate", token=inside.token(bob), json=into)
    assert absent.json()["failed"][0]["sha256"] == sha256, "knowing the hash gives nothing"
    onto = {"target": {"type": "model", "name": "ada/words"}, "files": []}
    answer = inside.client.post("/api/models/bob/mine/lfs-files/duplicate", token=inside.token(bob), json=onto)
    assert answer.status == 404
    into["target"]["name"] = "ada/words"  # type: ignore[call-overload,index]  # the value of "target" is a dict
    assert inside.client.post("/api/models/ada/words/lfs-files/duplicate", json=into).status == 401


def test_s1_where_duplicates_are_not_wanted_others_copy_no_large_file_out(
    inside: Inside, ada: Caller, token: str, repo: Repo
) -> None:
    bob, path = inside.user("bob"), "/api/models/ada/words/lfs-files/duplicate"
    inside.hub.catalog.change(ada, repo, Settings(private=False, duplication_off=True))
    sha256 = inside.upload(repo, ada, b"large file")
    for owner, name, status in ((bob, "bob/mine", 403), (ada, "ada/more", 200)):
        inside.repo(owner, name)
        body = {"target": {"type": "model", "name": name}, "files": [{"sha256": sha256, "filename": "large.bin"}]}
        assert inside.client.post(path, token=inside.token(owner), json=body).status == status
    inside.hub.catalog.change(ada, repo, Settings(duplication_off=False))
    body["target"] = {"type": "model", "name": "bob/mine"}
    assert inside.client.post(path, token=inside.token(bob), json=body).json()["failed"] == []


def test_files_of_a_bucket_go_to_a_repo_by_their_xet_hash(inside: Inside, ada: Caller, token: str, repo: Repo) -> None:
    inside.client.post("/api/buckets/ada/box", token=token, json={})
    grant = inside.client.get("/api/buckets/ada/box/xet-write-token", token=token).json()
    file = Cas(inside.client, grant["casUrl"].removeprefix(f"http://{HOST}"), grant["accessToken"]).send(
        make("box", 90_000)
    )
    bucket = inside.open(ada, "ada/box", type=RepoType.BUCKET)
    added = Add(EntryPath("a.bin"), to_text(file.name), None)
    assert batch.apply(inside.hub.access, ada, bucket, [added]) == []
    body = {"target": {"type": "model", "name": "ada/words"}, "files": [{"xetHash": to_text(file.name)}]}
    answer = inside.client.post("/api/buckets/ada/box/lfs-files/duplicate", token=token, json=body)
    assert answer.json() == {"success": True, "failed": []}
    inside.commit(repo, ada, {"from_bucket.bin": file.sha256})
    assert inside.client.get("/ada/words/resolve/main/from_bucket.bin", token=token).body == file.data


def test_no_repo_of_a_person_is_in_a_resource_group(inside: Inside, token: str, repo: Repo) -> None:
    inside.client.post("/api/buckets/ada/box", token=token, json={})
    for path in ("/api/models/ada/words/resource-group", "/api/buckets/ada/box/resource-group"):
        assert inside.client.get(path, token=token).json() is None
        assert inside.client.post(path, token=token, json={"resourceGroupId": None}).status == 200
        assert_refused(inside.client.post(path, token=token, json={"resourceGroupId": "5f" * 12}), statuses=(404,))
