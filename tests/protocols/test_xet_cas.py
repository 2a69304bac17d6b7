"""The CAS on the wire, request by request, in this process: what xet.md section 8 promises to clients."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pioche.protocols.xet import uploads
from pioche.storage.xet.hashing import to_text
from tests.databases import SqliteTemplate
from tests.xet_client import File, file_of, file_records, make, shard_body, shard_of
from tests.xet_world import ORIGIN, World, opened


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("template"))


@pytest.fixture
def world(template: SqliteTemplate, tmp_path: Path) -> Iterator[World]:
    with opened(template, tmp_path / "data") as world:
        yield world


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_token_in_both_forms(world: World) -> None:
    answer = world.json("GET", "/api/models/ann/m/xet-write-token/main", "ann")
    body = answer.json()
    assert set(body) == {"accessToken", "exp", "casUrl"}
    assert answer.headers["x-xet-access-token"] == body["accessToken"]
    assert answer.headers["x-xet-token-expiration"] == str(body["exp"])
    assert answer.headers["x-xet-cas-url"] == body["casUrl"]
    assert re.fullmatch(ORIGIN + r"/cas/1/[0-9a-f]{24}-1", body["casUrl"])
    assert body["exp"] >= time.time() + 900


@pytest.mark.parametrize(
    ("who", "path", "status", "code"),
    [
        (None, "ann/m/xet-read-token/main", 401, "RepoNotFound"),
        (None, "ann/open/xet-read-token/main", 200, None),
        (None, "ann/open/xet-write-token/main", 401, None),
        ("bob", "ann/m/xet-read-token/main", 404, "RepoNotFound"),
        ("bob", "ann/m/xet-write-token/main", 404, "RepoNotFound"),
        ("bob", "ann/absent/xet-write-token/main", 404, "RepoNotFound"),
        ("bob", "ann/open/xet-write-token/main", 403, None),
        ("bob", "ann/open/xet-write-token/None?create_pr=1", 200, None),
        ("bob", "ann/open/xet-write-token/refs%2Fpr%2F1", 200, None),
        ("bob", "ann/open/xet-read-token/main", 200, None),
        ("ann reads", "ann/m/xet-read-token/main", 200, None),
        ("ann reads", "ann/m/xet-write-token/main", 403, None),
        ("ann reads", "ann/m/xet-write-token/main?create_pr=1", 403, None),
        ("ann", "ann/m/xet-read-token/absent", 404, "RevisionNotFound"),
        ("ann", "ann/m/xet-write-token/absent", 404, "RevisionNotFound"),
    ],
)
def test_who_gets_a_token(world: World, who: str | None, path: str, status: int, code: str | None) -> None:
    answer = world.json("GET", f"/api/models/{path}", who)
    assert answer.status == status
    assert answer.headers.get("x-error-code") == code


# --- uploads --------------------------------------------------------------------------------------------------------


def test_upload_and_reconstruction(world: World) -> None:
    cas = world.xet("ann")
    data = make("cas", 300_000)
    file, xorb = file_of(data)
    assert cas.post(f"/v1/xorb-grants/default/{to_text(xorb.name)}", b'{"length": 1}').status == 404
    assert cas.send_xorb(xorb).json() == {"was_inserted": True}
    assert cas.send_xorb(xorb).json() == {"was_inserted": False}
    answer = cas.post("/v2/shards", shard_of([file], [xorb]))
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert msgspec.json.decode(answer.body) == {"type": "result", "result": 1}
    reader = world.xet("ann reads", "read")
    plan = reader.plan(file).json()
    (entry,) = plan["xorbs"][to_text(xorb.name)]
    assert entry["url"].startswith(ORIGIN)
    stored = entry["ranges"][0]["bytes"]
    got = world.client.get(
        entry["url"].removeprefix(ORIGIN), headers={"range": f"bytes={stored['start']}-{stored['end']}"}
    )
    assert (got.status, got.body) == (206, xorb.body)
    v1 = reader.get(f"/v1/reconstructions/{to_text(file.name)}").json()
    assert v1["terms"] == plan["terms"]
    assert v1["fetch_info"][to_text(xorb.name)][0]["url_range"] == stored


def test_long_verification_is_a_stream_of_lines(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A status cannot be taken back: once the answer has begun, its last line says how it ended (section 8.5)."""
    monkeypatch.setattr(uploads, "_QUIET_SECONDS", 0)
    cas = world.xet("ann")
    file, xorb = file_of(make("stream", 30_000))
    cas.send_xorb(xorb)

    def last_line(body: bytes) -> dict[str, Any]:
        answer = cas.post("/v2/shards", body)
        first, *_, last = [msgspec.json.decode(line) for line in answer.body.splitlines()]
        assert (answer.status, answer.complete) == (200, True)
        assert first == {"type": "validating", "verified": 0, "total": 1}
        assert isinstance(last, dict)
        return last

    refused = last_line(shard_body([file_records(file, sha256="ab" * 32)], []))
    assert (refused["type"], refused["retryable"]) == ("error", False)
    assert "sha256" in refused["message"]
    assert last_line(shard_of([file], [xorb])) == {"type": "result", "result": 1}


def test_what_is_not_served_is_exactly_404(world: World) -> None:
    """Clients fall back on 404; on 405 and 501 some give up."""
    cas = world.xet("ann")
    assert cas.get(f"/v2/file-chunk-hashes/{'0' * 64}").status == 404
    assert cas.post("/v3/shards").status == 404
    assert cas.post(f"/v1/xorb-commits/default/{'0' * 64}/grant/1").status == 404


def test_routes_of_older_clients(world: World) -> None:
    cas = world.xet("ann")
    file, xorb = file_of(make("old", 20_000))
    name = to_text(xorb.name)
    assert cas.get(f"/chunks/default/{name}").status == 404
    assert cas.get(f"/v1/chunks/default-merkledb/{name}").status == 404
    assert cas.post(f"/xorbs/default/{name}", xorb.body).json() == {"was_inserted": True}
    assert cas.post("/shards", shard_of([file], [xorb])).json() == {"result": 1}
    assert "fetch_info" in cas.get(f"/reconstructions/{to_text(file.name)}").json()
    assert cas.get(f"/chunks/default/{to_text(xorb.hashes[0])}").status == 200


def test_telemetry_goes_nowhere(world: World) -> None:
    assert world.client.post("/v1/telemetry", body=b"{}").status == 200


def test_range_of_a_file(world: World) -> None:
    cas = world.xet("ann")
    file = cas.send(make("range", 300_000))
    plan = cas.plan(file, headers={"range": "bytes=200000-200000"}).json()
    assert len(plan["terms"]) == 1
    assert plan["terms"][0]["unpacked_length"] <= 131072
    assert cas.plan(file, headers={"range": "bytes=299999-9999999999999"}).status == 200
    past = cas.plan(file, headers={"range": "bytes=300000-300001"})
    assert (past.status, past.headers["content-range"]) == (416, "bytes */300000")
    for wrong in ("bytes=5-4", "bytes=-5", "lines=1-2", "bytes=a-b", "bytes=0-1,3-4"):
        assert cas.plan(file, headers={"range": wrong}).status == 400, wrong


# --- data addresses -------------------------------------------------------------------------------------------------


def _address(world: World, file: File, **options: Any) -> tuple[str, list[tuple[int, int]]]:
    plan = world.xet("ann", "read").plan(file, **options).json()
    ((entry,),) = plan["xorbs"].values()
    spans = [(part["bytes"]["start"], part["bytes"]["end"]) for part in entry["ranges"]]
    return entry["url"].removeprefix(ORIGIN), spans


def test_data_address_serves_its_ranges_only(world: World) -> None:
    file = world.xet("ann").send(make("data", 600_000))
    body = file.terms[0].xorb.body
    url, [(start, end)] = _address(world, file, headers={"range": "bytes=200000-300000"})
    assert 0 < start < end < len(body) - 1
    part = world.client.get(url, headers={"range": f"bytes={start}-{end}"})
    assert (part.status, part.body) == (206, body[start : end + 1])
    assert part.headers["content-range"] == f"bytes {start}-{end}/{len(body)}"
    within = world.client.get(url, headers={"range": f"bytes={start + 5}-{end - 5}"})
    assert (within.status, within.body) == (206, body[start + 5 : end - 4])
    for outside in (
        f"bytes=0-{end}",
        f"bytes={start}-{end + 1}",
        f"bytes={start}-{start},{end + 1}-{end + 2}",
        f"bytes={start}-",
    ):
        assert world.client.get(url, headers={"range": outside}).status == 403, outside
    for wrong in (None, "bytes=", "bytes=9-1", "bytes=x-y", "lines=1-2"):
        assert world.client.get(url, headers={"range": wrong} if wrong else {}).status == 400, wrong


def test_if_range_does_not_open_the_whole_xorb(world: World) -> None:
    file = world.xet("ann").send(make("if-range", 600_000))
    url, [(start, end)] = _address(world, file, headers={"range": "bytes=0-10"})
    answer = world.client.get(url, headers={"range": f"bytes={start}-{end}", "if-range": '"other"'})
    assert answer.status == 400


def test_several_ranges_in_one_answer(world: World) -> None:
    file = world.xet("ann").send(make("multi", 600_000))
    body = file.terms[0].xorb.body
    url, [(_, end)] = _address(world, file)
    answer = world.client.get(url, headers={"range": f"bytes=10-19, 100-{end}"})
    assert answer.status == 206
    boundary = answer.headers["content-type"].removeprefix("multipart/byteranges; boundary=").encode()
    _, one, two, rest = answer.body.split(b"--" + boundary)
    assert one.endswith(b"\r\n\r\n" + body[10:20] + b"\r\n")
    assert two.endswith(b"\r\n\r\n" + body[100:] + b"\r\n")
    assert f"Content-Range: bytes 10-19/{len(body)}".encode() in one
    assert rest == b"--\r\n"
    assert int(answer.headers["content-length"]) == len(answer.body)


def test_data_address_cannot_be_changed_or_kept(world: World) -> None:
    file = world.xet("ann").send(make("sign", 100_000))
    other = world.xet("ann").send(make("other", 100_000))
    url, [(start, end)] = _address(world, file, headers={"range": "bytes=0-10"})
    wanted = {"range": f"bytes={start}-{end}"}
    wider = url.replace(f"ranges={start}-{end}", f"ranges={start}-{end + 100}")
    moved = url.replace(to_text(file.terms[0].xorb.name), to_text(other.terms[0].xorb.name))
    bare = url.partition("?")[0]
    late = re.sub(r"signature=([0-9a-f]+)\.(\d+)\.", lambda m: f"signature={m[1]}.{int(m[2]) + 9999}.", url)
    for changed in (wider, moved, bare, late, url + "x"):
        assert changed != url
        assert world.client.get(changed, headers=wanted).status == 403, changed
    name, ranges = to_text(file.terms[0].xorb.name), f"{start}-{end}"
    expired = world.hub.keyring.sign("xet-data", (name, ranges), seconds=-1)
    stale = re.sub(r"signature=.*", f"signature={expired}", url)
    assert world.client.get(stale, headers=wanted).status == 403


def test_a_lost_xorb_is_a_failure_not_an_absence(world: World) -> None:
    """404 would end the download for good; 5xx is tried again."""
    file = world.xet("ann").send(make("lost", 100_000))
    url, [(start, end)] = _address(world, file)
    world.hub.blobs.delete(next(iter(world.hub.blobs.list("xet/xorbs/"))).key)
    assert world.client.get(url, headers={"range": f"bytes={start}-{end}"}).status == 500
