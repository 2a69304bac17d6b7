"""E-LFS: knowing the hash of a large file gives nothing (reliability.md section E; Gitea CVE-2026-28740, gogs GHSA-6p9m)."""

import os
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from pioche.accounts.tokens import TokenRole
from tests.lfs_client import batch, follow, one, path_of, upload
from tests.local import LocalHub, User, sha256_of

SECRET = os.urandom(5000)
OID = sha256_of(SECRET)


@pytest.fixture
def ada(local: LocalHub) -> User:
    """Owns a private repo with a large file."""
    user = local.user("ada")
    local.create_repo(user, "ada/secret", private=True)
    local.commit(user, "ada/secret", large={"model.bin": SECRET})
    return user


@pytest.fixture
def eve(local: LocalHub, ada: User) -> User:
    """Knows the hash, and nothing else."""
    user = local.user("eve")
    local.create_repo(user, "eve/mine")
    return user


def commit_of(local: LocalHub, user: User, repo: str, oid: str, size: int) -> int:
    """The status of a commit that names a large file."""
    lines = (
        '{"key": "header", "value": {"summary": "mine now"}}\n'
        f'{{"key": "lfsFile", "value": {{"path": "x.bin", "algo": "sha256", "oid": "{oid}", "size": {size}}}}}'
    )
    headers = {"content-type": "application/x-ndjson"}
    path = f"/api/models/{repo}/commit/main"
    return local.client.post(path, token=user.token, body=lines.encode(), headers=headers).status


def test_e_lfs_1_a_foreign_object_and_none_look_the_same(local: LocalHub, eve: User) -> None:
    absent = sha256_of(b"nobody has this")
    foreign, random = (one(batch(local, eve, "download", (oid, 5000), repo="eve/mine")) for oid in (OID, absent))
    assert foreign.pop("oid") == OID
    assert random.pop("oid") == absent
    assert foreign == random
    assert foreign["error"]["code"] == 404


def test_e_lfs_2_garbage_for_a_foreign_object_links_nothing(local: LocalHub, ada: User, eve: User) -> None:
    action = one(batch(local, eve, "upload", (OID, 5000), repo="eve/mine"))["actions"]["upload"]
    for garbage in (bytes(5000), os.urandom(5000)):
        assert follow(local, action, "PUT", body=garbage).status == 422
    assert one(batch(local, eve, "download", (OID, 5000), repo="eve/mine"))["error"]["code"] == 404
    assert local.client.get("/ada/secret/resolve/main/model.bin", token=ada.token).body == SECRET


def test_e_lfs_3_who_names_a_foreign_object_has_to_send_it(local: LocalHub, eve: User) -> None:
    found = one(batch(local, eve, "upload", (OID, 5000), repo="eve/mine"))
    fresh = one(batch(local, eve, "upload", (sha256_of(b"fresh"), 5), repo="eve/mine"))
    assert set(found["actions"]) == set(fresh["actions"]) == {"upload", "verify"}
    verify = follow(local, found["actions"]["verify"], "POST", json={"oid": OID, "size": 5000})
    assert verify.status == 404, "and asking whether it is there says no"
    assert upload(local, eve, SECRET, repo="eve/mine") == OID, "who has the bytes may of course"


def test_e_lfs_4_a_commit_cannot_name_what_was_not_uploaded_here(local: LocalHub, eve: User) -> None:
    tip = local.client.get("/api/models/eve/mine").json()["sha"]
    for oid, size in ((OID, 5000), (sha256_of(b"nobody has this"), 15)):
        assert 400 <= commit_of(local, eve, "eve/mine", oid, size) < 500
    assert local.client.get("/api/models/eve/mine").json()["sha"] == tip
    assert local.client.get("/eve/mine/resolve/main/x.bin").status == 404
    upload(local, eve, SECRET, repo="eve/mine")
    assert commit_of(local, eve, "eve/mine", OID, 5000) == 200


# --- E-LFS-5: a signed address is good for one thing ----------------------------------------------------------------


def with_query(href: str, **changes: str) -> str:
    """The address with other parameters, as a path."""
    parts = urlsplit(href)
    query = dict(parse_qsl(parts.query)) | changes
    return f"{parts.path}?{urlencode(query)}"


@pytest.fixture
def actions(local: LocalHub, eve: User) -> dict[str, Any]:
    """Addresses of one file: download, upload, verify."""
    mine = os.urandom(100)
    oid = upload(local, eve, mine, repo="eve/mine")
    found = one(batch(local, eve, "download", (oid, 100), repo="eve/mine"))["actions"]
    other = os.urandom(100)
    return found | one(batch(local, eve, "upload", (sha256_of(other), 100), repo="eve/mine"))["actions"]


def test_e_lfs_5_no_other_file(local: LocalHub, eve: User, actions: dict[str, Any]) -> None:
    other = upload(local, eve, b"another file of the same repo", repo="eve/mine")
    for name, method in (("download", "GET"), ("upload", "PUT"), ("verify", "POST")):
        path = path_of(actions[name]["href"])
        oid = path.split("/")[3].partition("?")[0]
        for wrong in (OID, other, oid.upper(), oid[:-1], "x"):
            answer = local.client.request(method, path.replace(oid, wrong), body=b"")
            assert answer.status == 403, (name, wrong)
            assert answer.json()["message"]


def test_e_lfs_5_no_other_method(local: LocalHub, actions: dict[str, Any]) -> None:
    for name, method in (("download", "PUT"), ("upload", "GET"), ("verify", "GET"), ("verify", "PUT")):
        answer = local.client.request(method, path_of(actions[name]["href"]))
        assert answer.status in (403, 405), (name, method)


def test_e_lfs_5_no_other_repo(local: LocalHub, ada: User, eve: User, actions: dict[str, Any]) -> None:
    theirs = local.repo(ada, "ada/secret").uid
    own = local.repo(eve, "eve/mine").uid
    for name, method in (("download", "GET"), ("upload", "PUT"), ("verify", "POST")):
        answer = local.client.request(method, path_of(actions[name]["href"]).replace(own, theirs))
        assert answer.status == 403, name


@pytest.mark.parametrize(
    "changes",
    [
        {"by": "0"},
        {"by": "1"},
        {"by": "x"},
        {"by": ""},
        {"may": "write"},
        {"may": "read"},
        {"may": "nothing"},
        {"signature": ""},
        {"signature": "x.y.z"},
        {"signature": "a" * 5000},
        {"signature": "\u00e9.\u00e9.\u00e9"},
    ],
)
def test_e_lfs_5_no_other_words(local: LocalHub, actions: dict[str, Any], changes: dict[str, str]) -> None:
    answer = local.client.get(with_query(actions["download"]["href"], **changes))
    assert answer.status == 403


def test_e_lfs_5_no_other_size(local: LocalHub, actions: dict[str, Any]) -> None:
    for size in ("99", "101", "", "-1", "1e3"):
        answer = local.client.put(with_query(actions["upload"]["href"], size=size), body=bytes(100))
        assert answer.status == 403, size


def test_e_lfs_5_not_after_its_time(local: LocalHub, actions: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = local.hub.keyring
    now = keyring._clock()
    monkeypatch.setattr(keyring, "_clock", lambda: now + 901)
    answer = follow(local, actions["download"], "GET")
    assert (answer.status, "expired" in answer.json()["message"]) == (403, True)
    monkeypatch.setattr(keyring, "_clock", lambda: now + 86_500)
    assert follow(local, actions["upload"], "PUT", body=bytes(100)).status == 403


def test_e_lfs_5_a_token_is_no_signature(local: LocalHub, eve: User, actions: dict[str, Any]) -> None:
    path = urlsplit(actions["download"]["href"]).path
    assert local.client.get(path, token=eve.token).status == 403


# --- E-LFS-6: a token reaches no further than itself ----------------------------------------------------------------


def test_e_lfs_6_a_read_token_cannot_be_turned_into_an_upload(local: LocalHub, ada: User) -> None:
    """There are no keys for single repos yet: the narrowest credential is a token that may only read."""
    reader = User(ada.id, ada.name, local.token(ada, role=TokenRole.READ))
    assert batch(local, reader, "upload", ("0" * 64, 1), repo="ada/secret").status == 403
    assert batch(local, reader, "upload", ("0" * 64, 1), repo="ada/secret", ref={"name": "refs/pr/1"}).status == 403
    download = one(batch(local, reader, "download", (OID, 5000), repo="ada/secret"))["actions"]["download"]
    for may in ("write", "propose"):
        assert local.client.put(with_query(download["href"], may=may), body=SECRET).status == 403


def test_e_lfs_6_an_address_ends_with_the_token_it_was_made_for(local: LocalHub, ada: User) -> None:
    second = User(ada.id, ada.name, local.token(ada))
    made = [one(batch(local, user, "download", (OID, 5000), repo="ada/secret")) for user in (ada, second)]
    send = one(batch(local, ada, "upload", (sha256_of(b"new"), 3), repo="ada/secret"))["actions"]["upload"]
    local.hub.directory.tokens.revoke(local.hub.directory.get("ada"), "first")
    statuses = [follow(local, found["actions"]["download"], "GET").status for found in made]
    assert statuses == [401, 200]
    assert follow(local, send, "PUT", body=b"new").status == 401
