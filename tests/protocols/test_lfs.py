"""The LFS API over raw HTTP: batches, whole files, parts, verification (git-lfs `docs/api`, clients.md section 5)."""

import base64
import os
from dataclasses import replace
from typing import Any

import pytest

from pioche.accounts.tokens import TokenRole
from tests.lfs_client import TYPE, batch, follow, one, path_of, upload
from tests.local import LocalHub, User, sha256_of

PART = 1000
DATA = os.urandom(3 * PART + 123)


@pytest.fixture
def ada(local: LocalHub) -> User:
    user = local.user("ada")
    local.create_repo(user, "ada/model")
    return user


@pytest.fixture
def in_parts(local: LocalHub) -> None:
    """Files of more than a kilobyte go in parts."""
    hub = local.hub
    object.__setattr__(hub, "config", replace(hub.config, lfs_part_bytes=PART))


# --- whole files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_up_and_down(local: LocalHub, ada: User, size: int) -> None:
    data = os.urandom(size)
    oid = upload(local, ada, data)
    found = one(batch(local, ada, "download", (oid, size)))
    assert found["authenticated"] is True
    assert found["size"] == size
    assert 0 < found["actions"]["download"]["expires_in"] <= 900
    answer = follow(local, found["actions"]["download"], "GET")
    assert (answer.status, answer.body) == (200, data)
    assert answer.headers["etag"] == f'"{oid}"'
    assert list((local.config.data_dir / "incoming").iterdir()) == []


def test_what_is_here_needs_no_upload(local: LocalHub, ada: User) -> None:
    oid = upload(local, ada, DATA)
    assert one(batch(local, ada, "upload", (oid, len(DATA)))) == {"oid": oid, "size": len(DATA)}
    wrong = one(batch(local, ada, "upload", (oid, 1)))
    assert wrong["error"]["code"] == 422


def test_a_download_resumes(local: LocalHub, ada: User) -> None:
    oid = upload(local, ada, DATA)
    action = one(batch(local, None, "download", (oid, len(DATA))))["actions"]["download"]
    rest = follow(local, action, "GET", headers={"range": "bytes=1000-"})
    assert (rest.status, rest.body) == (206, DATA[1000:])
    assert rest.headers["content-range"] == f"bytes 1000-{len(DATA) - 1}/{len(DATA)}"
    assert follow(local, action, "GET", headers={"range": f"bytes={len(DATA)}-"}).status == 416
    head = follow(local, action, "HEAD")
    assert (head.status, head.headers["content-length"]) == (200, str(len(DATA)))


def test_a_batch_of_many(local: LocalHub, ada: User) -> None:
    here = [upload(local, ada, os.urandom(10)) for _ in range(3)]
    answer = batch(local, ada, "download", *((oid, 10) for oid in here), ("0" * 64, 10)).json()["objects"]
    assert [item["oid"] for item in answer] == [*here, "0" * 64]
    assert ["download" in item.get("actions", {}) for item in answer] == [True, True, True, False]
    assert answer[3]["error"]["code"] == 404


def test_a_body_in_pieces_without_a_length(local: LocalHub, ada: User) -> None:
    data = os.urandom(5 * 2**20 + 17)
    found = one(batch(local, ada, "upload", (sha256_of(data), len(data))))
    pieces = [data[start : start + 70_000] for start in range(0, len(data), 70_000)]
    assert follow(local, found["actions"]["upload"], "PUT", body=pieces).status == 200
    download = one(batch(local, ada, "download", (sha256_of(data), len(data))))["actions"]["download"]
    assert follow(local, download, "GET").body == data


@pytest.mark.parametrize("kind", ["dataset", "space"])
def test_the_other_types(local: LocalHub, ada: User, kind: str) -> None:
    local.create_repo(ada, "ada/thing", kind=kind)
    assert upload(local, ada, DATA, repo=f"{kind}s/ada/thing") == sha256_of(DATA)


def test_basic_credentials_as_git_sends_them(local: LocalHub, ada: User) -> None:
    for user, password in (("ada", ada.token), ("anything", ada.token), (ada.token, "")):
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        answer = local.client.post(
            "/ada/model.git/info/lfs/objects/batch",
            headers={"authorization": f"Basic {basic}", "content-type": TYPE},
            json={"operation": "upload", "objects": [{"oid": "0" * 64, "size": 1}]},
        )
        assert answer.status == 200


# --- parts ----------------------------------------------------------------------------------------------------------


def begin_parts(local: LocalHub, user: User, data: bytes, **fields: Any) -> dict[str, Any]:
    answer = batch(local, user, "upload", (sha256_of(data), len(data)), transfers=["basic", "multipart"], **fields)
    assert answer.json()["transfer"] == "multipart"
    actions = one(answer)["actions"]
    assert isinstance(actions, dict)
    return actions


def parts_of(actions: dict[str, Any]) -> tuple[int, list[str]]:
    header = dict(actions["upload"]["header"])
    size = int(header.pop("chunk_size"))
    assert list(header) == [str(number) for number in range(1, len(header) + 1)], "in order, for the git-lfs agent"
    return size, [path_of(href) for href in header.values()]


def send_parts(local: LocalHub, actions: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Sends all parts; returns the body of the completion."""
    size, paths = parts_of(actions)
    etags = list[str]()
    for number, path in enumerate(paths):
        answer = local.client.put(path, body=data[number * size : (number + 1) * size])
        assert answer.status == 200, answer.text
        etags.append(answer.headers["etag"])
    parts = [{"partNumber": number, "etag": etag} for number, etag in enumerate(etags, 1)]
    return {"oid": sha256_of(data), "parts": parts}


BIG = os.urandom(2 * 2**20 + 5)


def test_a_large_file_in_parts(local: LocalHub, ada: User, in_parts: None) -> None:
    actions = begin_parts(local, ada, BIG)
    size, paths = parts_of(actions)
    assert len(paths) == -(-len(BIG) // size)
    body = send_parts(local, actions, BIG)
    done = follow(local, actions["upload"], "POST", json=body)
    assert done.status == 200, done.text
    assert follow(local, actions["verify"], "POST", json={"oid": sha256_of(BIG), "size": len(BIG)}).status == 200
    download = one(batch(local, ada, "download", (sha256_of(BIG), len(BIG))))["actions"]["download"]
    assert follow(local, download, "GET").body == BIG
    again = follow(local, actions["upload"], "POST", json=body)
    assert again.status == 200, "a client that lost the answer asks again"
    assert local.client.put(paths[0], body=BIG[:size]).status == 404, "and nothing can be written any more"
    assert list((local.config.data_dir / "incoming").iterdir()) == []


def test_small_files_of_the_same_batch_go_in_parts_too(local: LocalHub, ada: User, in_parts: None) -> None:
    """git-lfs gives the whole batch to one agent, which knows nothing but parts."""
    small, empty = b"small", b""
    objects = [(sha256_of(data), len(data)) for data in (BIG, small, empty)]
    answer = batch(local, ada, "upload", *objects, transfers=["multipart", "basic"]).json()
    assert answer["transfer"] == "multipart"
    for found, data in zip(answer["objects"], (BIG, small, empty), strict=True):
        body = send_parts(local, found["actions"], data)
        assert follow(local, found["actions"]["upload"], "POST", json=body).status == 200
    for oid, size in objects:
        assert "actions" in one(batch(local, ada, "download", (oid, size)))


def test_without_the_offer_a_large_file_goes_whole(local: LocalHub, ada: User, in_parts: None) -> None:
    for transfers in (["basic"], ["basic", "ssh", "lfs-standalone-file"], []):
        answer = batch(local, ada, "upload", (sha256_of(BIG), len(BIG)), transfers=transfers)
        assert answer.json()["transfer"] == "basic"
        assert "header" not in one(answer)["actions"]["upload"]


def test_whoever_speaks_xet_is_sent_there(local: LocalHub, ada: User, in_parts: None) -> None:
    """Client 0.x, the JavaScript client and git-xet: the answer carries what they need to begin."""
    answer = batch(local, ada, "upload", (sha256_of(BIG), len(BIG)), transfers=["basic", "multipart", "xet"])
    assert answer.json()["transfer"] == "xet"
    upload = one(answer)["actions"]["upload"]
    assert upload["href"] == "http://localhost:8000/api/models/ada/model/xet-write-token/main?create_pr=1"
    token = local.client.get(upload["href"].removeprefix("http://localhost:8000"), token=ada.token)
    assert token.json()["casUrl"] == upload["header"]["X-Xet-Cas-Url"]
    assert {"X-Xet-Access-Token", "X-Xet-Token-Expiration"} < set(upload["header"])


def test_the_number_of_parts_is_bounded(local: LocalHub, ada: User) -> None:
    objects = [(f"{number:064x}", 5 * 2**40) for number in range(100)]
    answer = batch(local, ada, "upload", *objects, transfers=["multipart"])
    addresses = sum(len(item["actions"]["upload"]["header"]) - 1 for item in answer.json()["objects"])
    assert addresses <= 6000


def test_parts_that_are_not_the_file(local: LocalHub, ada: User, in_parts: None) -> None:
    actions = begin_parts(local, ada, BIG)
    body = send_parts(local, actions, BIG[:-1] + bytes([BIG[-1] ^ 1])) | {"oid": sha256_of(BIG)}
    assert follow(local, actions["upload"], "POST", json=body).status == 422
    assert one(batch(local, ada, "download", (sha256_of(BIG), len(BIG))))["error"]["code"] == 404
    assert list((local.config.data_dir / "incoming").iterdir()) == []


@pytest.mark.parametrize("number", ["0", "5000", "-1", "x", "99999999999999999999", "1%2F..", "%00"])
def test_a_part_that_there_is_not(local: LocalHub, ada: User, in_parts: None, number: str) -> None:
    path, _, query = parts_of(begin_parts(local, ada, BIG))[1][0].partition("?")
    answer = local.client.put(f"{path.rpartition('/')[0]}/{number}?{query}", body=BIG[:PART])
    assert 400 <= answer.status < 500


@pytest.mark.parametrize("numbers", [[], [1], [1, 1], [2, 3], [0, 1, 2]])
def test_a_completion_that_does_not_list_the_parts(
    local: LocalHub, ada: User, in_parts: None, numbers: list[int]
) -> None:
    actions = begin_parts(local, ada, BIG)
    body = send_parts(local, actions, BIG)
    wrong = body | {"parts": [{"partNumber": number, "etag": "x"} for number in numbers]}
    assert follow(local, actions["upload"], "POST", json=wrong).status == 422
    assert follow(local, actions["upload"], "POST", json=body).status == 200, "it is not over"


def test_rights_are_asked_again_at_completion(local: LocalHub, ada: User, in_parts: None) -> None:
    actions = begin_parts(local, ada, BIG)
    body = send_parts(local, actions, BIG)
    local.hub.directory.tokens.revoke(local.hub.directory.get("ada"), "first")
    answer = follow(local, actions["upload"], "POST", json=body)
    assert answer.status == 401


# --- refusals -------------------------------------------------------------------------------------------------------


def test_who_may_what(local: LocalHub, ada: User) -> None:
    local.create_repo(ada, "ada/secret", private=True)
    eve = local.user("eve")
    reader = replace(ada, token=local.token(ada, role=TokenRole.READ))
    wrong = replace(ada, token="hf_wrong")
    absent = "ada/nothing"
    expected = [
        # user, repo, download, upload
        (None, "ada/model", 200, 401),
        (None, "ada/secret", 401, 401),
        (None, absent, 401, 401),
        (eve, "ada/model", 200, 403),
        (eve, "ada/secret", 404, 404),
        (eve, absent, 404, 404),
        (reader, "ada/model", 200, 403),
        (reader, "ada/secret", 200, 403),
        (wrong, "ada/model", 401, 401),
        (ada, "ada/secret", 200, 200),
    ]
    for user, repo, download, write in expected:
        answers = [
            batch(local, user, operation, ("0" * 64, 1), repo=repo, ref={"name": "refs/heads/main"})
            for operation in ("download", "upload")
        ]
        assert [answer.status for answer in answers] == [download, write], (user, repo)
        for answer in answers:
            assert answer.headers["content-type"] == TYPE
            if answer.status != 200:
                assert answer.json()["message"]
            if answer.status == 401:
                assert answer.headers["www-authenticate"].startswith("Basic "), "or git never asks for a password"
                assert answer.headers["lfs-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("ref", [{"name": "refs/pr/1"}, {"name": "main"}, None])
def test_a_stranger_may_send_for_a_pull_request(local: LocalHub, ada: User, ref: dict[str, str] | None) -> None:
    """huggingface_hub names the branch that the pull request is for; git-lfs names the ref that it is about to push."""
    eve = local.user("eve")
    assert batch(local, eve, "upload", (sha256_of(DATA), len(DATA)), ref=ref).status == 200
    assert batch(local, None, "upload", ("0" * 64, 1), ref=ref).status == 401


def test_a_gated_repo_gives_no_address(local: LocalHub, ada: User) -> None:
    oid = upload(local, ada, DATA)
    before = one(batch(local, None, "download", (oid, len(DATA))))["actions"]["download"]
    local.client.request("PUT", "/api/models/ada/model/settings", token=ada.token, json={"gated": "auto"})
    answer = batch(local, None, "download", (oid, len(DATA)))
    assert (answer.status, answer.headers["x-error-code"]) == (401, "GatedRepo")
    assert follow(local, before, "GET").status == 401, "an address gives no right of its own"


def test_a_repo_made_private_closes_addresses(local: LocalHub, ada: User) -> None:
    oid = upload(local, ada, DATA)
    anybody = one(batch(local, None, "download", (oid, len(DATA))))["actions"]["download"]
    owner = one(batch(local, ada, "download", (oid, len(DATA))))["actions"]["download"]
    local.client.request("PUT", "/api/models/ada/model/settings", token=ada.token, json={"private": True})
    assert follow(local, anybody, "GET").status == 401
    assert follow(local, owner, "GET").body == DATA


def test_locks_are_not_offered(local: LocalHub, ada: User) -> None:
    for method, path in (
        ("GET", "locks"),
        ("POST", "locks"),
        ("POST", "locks/verify"),
        ("POST", "locks/1/unlock"),
    ):
        answer = local.client.request(method, f"/ada/model.git/info/lfs/{path}", token=ada.token, json={})
        assert answer.status == 404
        assert answer.json()["message"]


def test_a_full_disk(local: LocalHub, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    found = one(batch(local, ada, "upload", (sha256_of(DATA), len(DATA))))

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", fail)
        answer = follow(local, found["actions"]["upload"], "PUT", body=DATA)
    assert (answer.status, answer.headers["x-error-code"]) == (507, "OutOfSpace")
    assert list((local.config.data_dir / "incoming").iterdir()) == []
    assert follow(local, found["actions"]["upload"], "PUT", body=DATA).status == 200, "later it works"


def test_a_client_that_leaves_half_way(local: LocalHub, ada: User) -> None:
    found = one(batch(local, ada, "upload", (sha256_of(DATA), len(DATA))))
    answer = follow(
        local, found["actions"]["upload"], "PUT", body=[DATA[:1000]], headers={"content-length": str(len(DATA))}
    )
    assert answer.status in (0, 422)
    assert list((local.config.data_dir / "incoming").iterdir()) == []
