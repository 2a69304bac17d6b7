"""`resolve` and `raw`: every header that clients read (hub-recordings.md), over raw HTTP."""

import os
import re

import pytest

from tests.asgi import Answer
from tests.local import LocalHub, User, git_oid, sha256_of

CONFIG = b'{"model_type": "bert"}\n'
WEIGHTS = os.urandom(300_000)


@pytest.fixture
def ada(local: LocalHub) -> User:
    return local.user("ada")


@pytest.fixture
def commit(local: LocalHub, ada: User) -> str:
    local.create_repo(ada, "ada/model")
    return local.commit(ada, "ada/model", {"config.json": CONFIG, "sub/a b.txt": b"x"}, large={"model.bin": WEIGHTS})


def errors_of(answer: Answer) -> tuple[int, str | None, str]:
    return answer.status, answer.headers.get("x-error-code"), answer.text


# --- what it is -----------------------------------------------------------------------------------------------------


def test_a_regular_file(local: LocalHub, commit: str) -> None:
    answer = local.client.get("/ada/model/resolve/main/config.json")
    assert (answer.status, answer.body) == (200, CONFIG)
    assert answer.headers["x-repo-commit"] == commit
    assert answer.headers["etag"] == f'"{git_oid(CONFIG)}"'
    assert answer.headers["content-length"] == str(len(CONFIG))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["accept-ranges"] == "bytes"
    expected = "inline; filename*=UTF-8''config.json; filename=\"config.json\";"
    assert answer.headers["content-disposition"] == expected
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "x-linked-etag" not in answer.headers


def test_a_large_file(local: LocalHub, commit: str) -> None:
    answer = local.client.get("/ada/model/resolve/main/model.bin")
    assert (answer.status, answer.body) == (200, WEIGHTS)
    etag = f'"{sha256_of(WEIGHTS)}"'
    assert (answer.headers["etag"], answer.headers["x-linked-etag"]) == (etag, etag)
    assert answer.headers["x-linked-size"] == answer.headers["content-length"] == str(len(WEIGHTS))
    assert answer.headers["x-repo-commit"] == commit
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "x-xet-hash" not in answer.headers, "it is not kept as chunks"


@pytest.mark.parametrize("path", ["config.json", "model.bin", "sub/a%20b.txt"])
@pytest.mark.parametrize("kind", ["resolve", "raw"])
def test_head_is_get_without_bytes(local: LocalHub, commit: str, kind: str, path: str) -> None:
    got = local.client.get(f"/ada/model/{kind}/main/{path}")
    head = local.client.head(f"/ada/model/{kind}/main/{path}")
    assert head.body == b""
    varying = {"x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in varying} == {
        k: v for k, v in got.headers.items() if k not in varying
    }


def test_an_empty_file(local: LocalHub, ada: User, commit: str) -> None:
    local.commit(ada, "ada/model", {"empty": b""})
    answer = local.client.get("/ada/model/resolve/main/empty")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")


def test_raw_of_a_large_file_is_its_pointer(local: LocalHub, commit: str) -> None:
    answer = local.client.get("/ada/model/raw/main/model.bin")
    size = len(WEIGHTS)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256_of(WEIGHTS)}\nsize {size}\n".encode()
    assert (answer.status, answer.body) == (200, pointer)
    assert answer.headers["etag"] == f'"{git_oid(pointer)}"'
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("kind", ["datasets", "spaces"])
def test_the_other_types(local: LocalHub, ada: User, kind: str) -> None:
    local.create_repo(ada, "ada/thing", kind=kind.removesuffix("s"))
    local.commit(ada, "ada/thing", {"x.txt": b"hello"}, kind=kind.removesuffix("s"))
    assert local.client.get(f"/{kind}/ada/thing/resolve/main/x.txt").body == b"hello"
    assert local.client.get("/ada/thing/resolve/main/x.txt").status == 401


@pytest.mark.parametrize("form", ["{sha}", "{sha:.7}", "main", "HEAD", "refs%2Fheads%2Fmain"])
def test_every_way_to_name_a_revision(local: LocalHub, ada: User, commit: str, form: str) -> None:
    local.client.post("/api/models/ada/model/tag/main", token=ada.token, json={"tag": "v1"})
    revision = f"{commit[:7]}" if "7" in form else form.format(sha=commit)
    for name in (revision, "v1", "refs%2Ftags%2Fv1"):
        answer = local.client.head(f"/ada/model/resolve/{name}/config.json")
        assert (answer.status, answer.headers.get("x-repo-commit")) == (200, commit)


def test_an_older_commit_keeps_its_bytes(local: LocalHub, ada: User, commit: str) -> None:
    newer = local.commit(ada, "ada/model", {"config.json": b"new"}, large={"model.bin": b"newer weights"})
    for path, old, new in (("config.json", CONFIG, b"new"), ("model.bin", WEIGHTS, b"newer weights")):
        assert local.client.get(f"/ada/model/resolve/{commit}/{path}").body == old
        assert local.client.get(f"/ada/model/resolve/{newer}/{path}").body == new
        assert local.client.get(f"/ada/model/resolve/{commit}/{path}").headers["x-repo-commit"] == commit


# --- parts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["0-99", "1000-", "-100", "299999-", "0-", "100000-250000"])
def test_a_range(local: LocalHub, commit: str, asked: str) -> None:
    answer = local.client.get("/ada/model/resolve/main/model.bin", headers={"range": f"bytes={asked}"})
    match = re.fullmatch(r"bytes (\d+)-(\d+)/300000", answer.headers["content-range"])
    assert match
    assert answer.status == 206
    assert answer.body == WEIGHTS[int(match[1]) : int(match[2]) + 1]
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["x-repo-commit"] == commit


def test_several_ranges_of_a_large_file(local: LocalHub, commit: str) -> None:
    headers = {"range": "bytes=0-9,200000-200009,-10"}
    answer = local.client.get("/ada/model/resolve/main/model.bin", headers=headers)
    assert answer.status == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert int(answer.headers["content-length"]) == len(answer.body)
    for part in (WEIGHTS[:10], WEIGHTS[200_000:200_010], WEIGHTS[-10:]):
        assert part in answer.body


def test_a_range_past_the_end(local: LocalHub, commit: str) -> None:
    answer = local.client.get("/ada/model/resolve/main/model.bin", headers={"range": "bytes=300000-"})
    assert answer.status == 416
    assert answer.headers["content-range"] == "bytes */300000"


def test_not_modified(local: LocalHub, commit: str) -> None:
    for path in ("config.json", "model.bin"):
        etag = local.client.head(f"/ada/model/resolve/main/{path}").headers["etag"]
        answer = local.client.get(f"/ada/model/resolve/main/{path}", headers={"if-none-match": etag})
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["etag"] == etag
        assert answer.headers["x-repo-commit"] == commit


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["missing.json", "sub", "sub/", "sub/missing", "config.json/x", "..%2fconfig.json", "%20"]
)
@pytest.mark.parametrize("revision", ["main", "{sha}"])
def test_a_missing_file_tells_the_commit(local: LocalHub, commit: str, path: str, revision: str) -> None:
    """The client caches the absence only when it is told the commit (clients.md section 6)."""
    for method in ("GET", "HEAD"):
        answer = local.client.request(method, f"/ada/model/resolve/{revision.format(sha=commit)}/{path}")
        text = "Entry not found" if method == "GET" else ""
        assert errors_of(answer) == (404, "EntryNotFound", text)
        assert answer.headers["x-error-message"] == "Entry not found"
        assert answer.headers["x-repo-commit"] == commit
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "revision", ["nope", "0" * 40, "deadbee", "refs%2Fheads%2Fnope", "HEAD:..%2F..%2Fx", "--upload-pack=x"]
)
def test_a_missing_revision(local: LocalHub, commit: str, revision: str) -> None:
    answer = local.client.get(f"/ada/model/resolve/{revision}/config.json")
    assert (answer.status, answer.headers["x-error-code"]) == (404, "RevisionNotFound")


def test_private_and_absent_look_the_same(local: LocalHub, ada: User, commit: str) -> None:
    local.create_repo(ada, "ada/secret", private=True)
    local.commit(ada, "ada/secret", {"x.txt": b"hidden"})
    eve = local.user("eve")
    for token, status in ((None, 401), (eve.token, 404)):
        private, absent = (
            local.client.get(f"/ada/{name}/resolve/main/x.txt", token=token) for name in ("secret", "nothing")
        )
        assert errors_of(private) == errors_of(absent)
        assert (private.status, private.headers["x-error-code"]) == (status, "RepoNotFound")
    own = local.client.get("/ada/secret/resolve/main/x.txt", token=ada.token)
    assert (own.status, own.body) == (200, b"hidden")


def test_a_wrong_token_is_refused_on_public_files_too(local: LocalHub, commit: str) -> None:
    assert local.client.get("/ada/model/resolve/main/config.json", token="hf_wrong").status == 401


def test_a_gated_repo_gives_no_bytes(local: LocalHub, ada: User, commit: str) -> None:
    local.client.request("PUT", "/api/models/ada/model/settings", token=ada.token, json={"gated": "auto"})
    eve = local.user("eve")
    for token, status in ((None, 401), (eve.token, 403)):
        for path in ("resolve/main/config.json", "raw/main/config.json", "resolve/main/model.bin"):
            answer = local.client.get(f"/ada/model/{path}", token=token)
            assert (answer.status, answer.headers["x-error-code"]) == (status, "GatedRepo")
    assert local.client.get("/ada/model/resolve/main/model.bin", token=ada.token).body == WEIGHTS


def test_a_renamed_repo_redirects_relatively(local: LocalHub, ada: User, commit: str) -> None:
    move = {"fromRepo": "ada/model", "toRepo": "ada/renamed", "type": "model"}
    assert local.client.post("/api/repos/move", token=ada.token, json=move).status == 200
    answer = local.client.head("/ada/model/resolve/main/sub/a%20b.txt?download=true")
    assert (answer.status, answer.headers["location"]) == (307, "/ada/renamed/resolve/main/sub/a%20b.txt?download=true")


# --- caches ---------------------------------------------------------------------------------------------------------


def test_what_may_be_cached(local: LocalHub, ada: User, commit: str) -> None:
    by_branch = local.client.head("/ada/model/resolve/main/config.json")
    by_commit = local.client.head(f"/ada/model/resolve/{commit}/config.json")
    assert by_branch.headers["cache-control"] == "no-cache"
    assert by_commit.headers["cache-control"] == "public, max-age=31536000, immutable"
    local.create_repo(ada, "ada/secret", private=True)
    private = local.commit(ada, "ada/secret", {"x.txt": b"hidden"})
    for revision in ("main", private):
        answer = local.client.get(f"/ada/secret/resolve/{revision}/x.txt", token=ada.token)
        assert answer.headers["cache-control"] == "private, no-store"


# --- storage that fails ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_a_damaged_file_is_never_a_200(local: LocalHub, commit: str, damage: str) -> None:
    (blob,) = [path for path in (local.config.data_dir / "blobs").rglob("*") if path.is_file()]
    blob.unlink() if damage == "removed" else os.truncate(blob, 10)
    for headers in ({}, {"range": "bytes=0-4"}):
        answer = local.client.get("/ada/model/resolve/main/model.bin", headers=headers)
        assert (answer.status, answer.headers["x-error-code"]) == (500, "Corrupt")
        assert str(local.config.data_dir) not in answer.text
    assert local.client.get("/ada/model/resolve/main/config.json").status == 200


def test_sending_stops_when_the_client_leaves(local: LocalHub, ada: User, commit: str) -> None:
    big = os.urandom(8 * 2**20)
    local.commit(ada, "ada/model", large={"big.bin": big})
    answer = local.client.request("GET", "/ada/model/resolve/main/big.bin", leave_after_bytes=1)
    assert not answer.complete
    assert len(answer.body) <= 3 * 2**20
