"""D-LFS: batches and uploads that are malformed or lie (reliability.md section D). Never a 5xx, nothing half stored."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.asgi import Answer
from tests.lfs_client import TYPE, batch, follow, one, upload
from tests.local import LocalHub, User, sha256_of

DATA = random.Random(4).randbytes(1000)  # the same in every process: it stands in the names of tests
OID = sha256_of(DATA)
BATCH = "/ada/model.git/info/lfs/objects/batch"


@pytest.fixture
def ada(local: LocalHub) -> Iterator[User]:
    user = local.user("ada")
    local.create_repo(user, "ada/model")
    yield user
    assert list((local.config.data_dir / "incoming").iterdir()) == [], "nothing is left half stored"


def post(local: LocalHub, user: User, body: Any, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return local.client.post(BATCH, token=user.token, body=raw, headers={"content-type": TYPE} | headers)


def refused(answer: Answer, status: int) -> None:
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == TYPE
    assert answer.json()["message"]


def test_d_lfs_100_000_objects(local: LocalHub, ada: User) -> None:
    objects = [{"oid": "0" * 64, "size": 1}] * 100_000
    refused(post(local, ada, {"operation": "download", "objects": objects}), 413)
    refused(post(local, ada, {"operation": "download", "objects": objects[:1001]}), 413)
    assert post(local, ada, {"operation": "download", "objects": objects[:1000]}).status == 200


@pytest.mark.parametrize("operation", ["download", "upload"])
@pytest.mark.parametrize(
    ("oid", "size"),
    [
        (OID, -1),
        (OID, -(2**70)),
        (OID.upper(), 1),
        (OID[:-1], 1),
        (OID + "0", 1),
        ("", 1),
        ("g" * 64, 1),
        ("sha512:" + "0" * 57, 1),
        ("../" * 21 + "x", 1),
        ("0" * 63 + "\n", 1),
        ("\u0660" * 64, 1),
        ("0" * 5000, 1),
    ],
)
def test_d_lfs_one_wrong_object_spoils_no_other(
    local: LocalHub, ada: User, operation: str, oid: str, size: int
) -> None:
    good = upload(local, ada, DATA)
    answer = batch(local, ada, operation, (oid, size), (good, 1000))
    assert answer.status == 200
    wrong, fine = answer.json()["objects"]
    assert wrong["error"]["code"] == 422
    assert wrong["error"]["message"]
    assert "error" not in fine


@pytest.mark.parametrize("size", [2**63, 2**63 - 1, 2**64, 2**200, 5 * 2**40 + 1])
def test_d_lfs_a_size_that_no_disk_has(local: LocalHub, ada: User, size: int) -> None:
    found = one(batch(local, ada, "upload", (OID, size), transfers=["basic", "multipart"]))
    assert found["error"]["code"] == 422
    assert found["size"] < 2**63
    assert one(batch(local, ada, "download", (OID, size)))["error"]["code"] == 404


@pytest.mark.parametrize("operation", ["delete", "", "UPLOAD", "verify"])
def test_d_lfs_an_unknown_operation(local: LocalHub, ada: User, operation: str) -> None:
    refused(batch(local, ada, operation, (OID, 1)), 422)


def test_d_lfs_another_hash_algorithm(local: LocalHub, ada: User) -> None:
    refused(batch(local, ada, "upload", (OID, 1), hash_algo="sha512"), 409)


def test_d_lfs_unknown_transfers_are_answered_basic(local: LocalHub, ada: User) -> None:
    """`basic` is what every client has to know (git-lfs docs/api/batch.md)."""
    assert batch(local, ada, "upload", (OID, 1), transfers=["tus", "carrier-pigeon"]).json()["transfer"] == "basic"


def test_d_lfs_a_missing_accept_header_is_forgiven(local: LocalHub, ada: User) -> None:
    assert post(local, ada, {"operation": "download", "objects": []}).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"operation": "upload"}',
        b'{"objects": []}',
        b'{"operation": 1, "objects": []}',
        b'{"operation": "upload", "objects": {}}',
        b'{"operation": "upload", "objects": [null]}',
        b'{"operation": "upload", "objects": [{"oid": 1, "size": 1}]}',
        b'{"operation": "upload", "objects": [{"oid": "x"}]}',
        b'{"operation": "upload", "objects": [{"oid": "x", "size": "1"}]}',
        b'{"operation": "upload", "objects": [{"oid": "x", "size": 1.5}]}',
        b'{"operation": "upload", "objects": [{"oid": "x", "size": NaN}]}',
        b'{"operation": "upload", "objects": [], "transfers": "basic"}',
        b'{"operation": "upload", "objects": [], "ref": []}',
        b'{"operation": "upload", "objects": [{"oid": "\\ud800", "size": 1}]}',
        b"[" * 100_000,
    ],
)
def test_d_lfs_a_body_that_is_no_batch(local: LocalHub, ada: User, body: bytes) -> None:
    refused(post(local, ada, body), 400)


def test_d_lfs_a_packed_body(local: LocalHub, ada: User) -> None:
    refused(post(local, ada, b"\x1f\x8b" + bytes(100), **{"content-encoding": "gzip"}), 415)


# --- bytes that are not what was announced --------------------------------------------------------------------------


@pytest.fixture
def actions(local: LocalHub, ada: User) -> dict[str, Any]:
    found = one(batch(local, ada, "upload", (OID, len(DATA))))["actions"]
    assert isinstance(found, dict)
    return found


def absent(local: LocalHub, user: User) -> bool:
    return bool(one(batch(local, user, "download", (OID, len(DATA)))).get("error"))


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"x", DATA * 1000, bytes(1000)])
@pytest.mark.parametrize("chunked", [False, True])
def test_d_lfs_other_bytes_than_announced(
    local: LocalHub, ada: User, actions: dict[str, Any], data: bytes, chunked: bool
) -> None:
    body = [data[start : start + 300] for start in range(0, len(data) or 1, 300)] if chunked else data
    refused(follow(local, actions["upload"], "PUT", body=body), 422)
    assert absent(local, ada)
    assert follow(local, actions["upload"], "PUT", body=DATA).status == 200, "and the right ones still go"


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 30, "١٠٠٠", "0x3e8", ""])
def test_d_lfs_a_length_that_is_none(local: LocalHub, ada: User, actions: dict[str, Any], length: str) -> None:
    value = length.encode().decode("latin-1")
    answer = follow(local, actions["upload"], "PUT", body=DATA, headers={"content-length": value})
    assert answer.status in (400, 422)
    assert absent(local, ada)


def test_d_lfs_verifying_before_the_upload(local: LocalHub, ada: User, actions: dict[str, Any]) -> None:
    refused(follow(local, actions["verify"], "POST", json={"oid": OID, "size": len(DATA)}), 404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"oid": OID, "size": 999}, 422),
        ({"oid": OID, "size": -1}, 422),
        ({"oid": "0" * 64, "size": 1000}, 422),
        ({"oid": OID}, 400),
        ([], 400),
        ({"oid": None, "size": 1000}, 400),
    ],
)
def test_d_lfs_verifying_something_else(
    local: LocalHub, ada: User, actions: dict[str, Any], body: Any, status: int
) -> None:
    upload(local, ada, DATA)
    refused(follow(local, actions["verify"], "POST", json=body), status)


def test_d_lfs_other_bytes_for_an_object_that_is_here(local: LocalHub, ada: User, actions: dict[str, Any]) -> None:
    upload(local, ada, DATA)
    refused(follow(local, actions["upload"], "PUT", body=bytes(1000)), 422)
    href = one(batch(local, ada, "download", (OID, 1000)))["actions"]["download"]
    assert follow(local, href, "GET").body == DATA


def test_d_lfs_locks_are_not_a_way_in(local: LocalHub, ada: User) -> None:
    for body in (b"", b"{", b"[" * 10_000, b'{"path": "../../etc/passwd"}'):
        answer = local.client.post("/ada/model.git/info/lfs/locks", token=ada.token, body=body)
        refused(answer, 404)
