"""D-HTTP-4: hostile Range headers (reliability.md section D; CVE-2025-62727 was a quadratic one)."""

import os

import pytest

from tests.local import LocalHub

DATA = os.urandom(20_000)
PATHS = ["/ada/model/resolve/main/model.bin", "/ada/model/resolve/main/text.txt", "/ada/model/raw/main/text.txt"]


@pytest.fixture
def hub(local: LocalHub) -> LocalHub:
    ada = local.user("ada")
    local.create_repo(ada, "ada/model")
    local.commit(ada, "ada/model", {"text.txt": DATA.hex().encode()[:20_000]}, large={"model.bin": DATA})
    return local


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("bytes=" + ",".join(f"{2 * n}-{2 * n}" for n in range(6_000)), 416),
        ("bytes=" + ",".join(["0-"] * 10_000), 206),
        ("bytes=" + ",".join(f"{n}-{n + 5}" for n in range(5_000)), 206),
        ("bytes=" + "," * 30_000 + "0-0", 206),
        ("bytes=0-" + "9" * 30_000, 206),
        ("bytes=" + "9" * 30_000 + "-", 416),
        ("bytes=20000-", 416),
        ("bytes=20000-30000", 416),
        ("bytes=-0", 416),
        ("bytes=-20001", 206),
        ("bytes=10-5", 400),
        ("bytes=" + "-" * 30_000, 400),
        ("bytes=" + " " * 30_000, 400),
        ("bytes=0-0\t,\t1-1", 206),
        ("=" * 1000, 200),
    ],
    ids=range(15),
)
def test_d_http_4_ranges(hub: LocalHub, path: str, asked: str, status: int) -> None:
    answer = hub.client.get(path, headers={"range": asked})
    assert answer.status == status
    assert len(answer.body) <= len(DATA) + 4096
    assert hub.client.get(path).status == 200


@pytest.mark.parametrize("path", PATHS)
def test_d_http_4_on_head(hub: LocalHub, path: str) -> None:
    for asked in ("bytes=0-9", "bytes=99999-", "bytes=x", "bytes=-0"):
        answer = hub.client.head(path, headers={"range": asked})
        assert (answer.status, answer.headers["content-length"]) == (200, "20000")


@pytest.mark.parametrize("path", PATHS)
def test_d_http_4_with_if_range(hub: LocalHub, path: str) -> None:
    etag = hub.client.head(path).headers["etag"]
    for value, status in ((etag, 206), ('"stale"', 200), (f"W/{etag}", 200), ("x" * 10_000, 200)):
        answer = hub.client.get(path, headers={"range": "bytes=5-9", "if-range": value})
        assert answer.status == status
        assert len(answer.body) == (5 if status == 206 else 20_000)
