"""The CAS on the wire, request by request, in this process: what xet.md section 8 promises to clients."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pioche import app
from pioche.accounts.tokens import TokenRole, Tokens
from pioche.http.hub import Hub
from pioche.http.kernel import Kernel
from pioche.storage.xet.hashing import to_text
from tests.asgi import HOST, Answer, Client
from tests.databases import SqliteTemplate
from tests.xet_client import File, Xorb, file_of, file_records, make, shard_body, shard_of

ORIGIN = f"http://{HOST}"


@dataclass
class World:
    """A hub in this process with two users, ann and bob, each with a private repo `m`; ann also has a public `open`."""

    client: Client
    hub: Hub
    tokens: dict[str, str]

    def json(self, method: str, path: str, who: str | None = None, **options: Any) -> Answer:
        return self.client.request(method, path, token=self.tokens.get(who or ""), **options)

    def xet(self, who: str | None, kind: str = "write", repo: str = "ann/m", revision: str = "main") -> "Cas":
        answer = self.json("GET", f"/api/models/{repo}/xet-{kind}-token/{revision}", who)
        assert answer.status == 200, answer.text
        body = answer.json()
        return Cas(self.client, body["casUrl"].removeprefix(ORIGIN), body["accessToken"])


@dataclass
class Cas:
    """One Xet token at work."""

    client: Client
    path: str
    token: str

    def get(self, path: str, **options: Any) -> Answer:
        return self.client.get(self.path + path, token=self.token, **options)

    def post(self, path: str, body: bytes = b"") -> Answer:
        return self.client.post(self.path + path, token=self.token, body=body)

    def send_xorb(self, xorb: Xorb) -> Answer:
        return self.post(f"/v1/xorbs/default/{to_text(xorb.name)}", xorb.body)

    def send(self, data: bytes) -> File:
        file, xorb = file_of(data)
        assert self.send_xorb(xorb).status == 200
        assert self.post("/v1/shards", shard_of([file], [xorb])).json() == {"result": 1}
        return file

    def plan(self, file: File, **options: Any) -> Answer:
        return self.get(f"/v2/reconstructions/{to_text(file.name)}", **options)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("template"))


@pytest.fixture
def world(template: SqliteTemplate, tmp_path: Path) -> Iterator[World]:
    hub = app.build_hub(template.config(tmp_path / "data"))
    tokens = {}
    for name in ("ann", "bob"):
        user = hub.directory.create_user(name, fullname=name, email=f"{name}@example.org")
        tokens[name], _ = Tokens(hub.database).create(user)
        tokens[f"{name} reads"], _ = Tokens(hub.database).create(user, name="r", role=TokenRole.READ)
    with Client(Kernel(hub, app.PROTOCOLS)) as client:
        world = World(client, hub, tokens)
        for who, name, private in (("ann", "m", True), ("bob", "m", True), ("ann", "open", False)):
            body = {"name": name, "type": "model", "private": private}
            assert world.json("POST", "/api/repos/create", who, json=body).status == 200
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


# --- D-XET: hostile input -------------------------------------------------------------------------------------------


def test_d_xet_xorbs_refused(world: World) -> None:
    cas = world.xet("ann")
    _, xorb = file_of(make("bad", 20_000))
    name = to_text(xorb.name)
    for body in (b"", xorb.body[:-1], xorb.body + b"\x00", b"\x07" + xorb.body[1:], b"x" * 100):
        answer = cas.post(f"/v1/xorbs/default/{name}", body)
        assert answer.status == 400
        assert answer.json()["error"]
    assert cas.post(f"/v1/xorbs/default/{'0' * 64}", xorb.body).status == 400
    assert cas.post(f"/v1/xorbs/default/{name.upper()}", xorb.body).status == 400
    assert cas.post("/v1/xorbs/default/short", xorb.body).status == 400
    assert not list((world.hub.config.data_dir / "incoming").iterdir())


def test_d_xet_oversized_bodies(world: World) -> None:
    cas = world.xet("ann")
    huge = {"content-length": str(10**9)}
    for path in (f"/v1/xorbs/default/{'0' * 64}", "/v1/shards", "/v2/shards"):
        answer = world.client.post(cas.path + path, token=cas.token, headers=huge)
        assert answer.status == 413, path


def test_d_xet_shards_refused(world: World) -> None:
    cas = world.xet("ann")
    file, xorb = file_of(make("shards", 20_000))
    cas.send_xorb(xorb)
    honest = shard_of([file], [xorb])
    absent, _ = file_of(make("never sent", 9_000))
    bodies = [
        b"",
        honest[:-48],
        honest[:84] + b"\xff\xff\xff\xff" + honest[88:],
        shard_of([absent], []),
        shard_body([file_records(file, sha256="ab" * 32)], []),
        shard_body([file_records(file, flags=0x40000000)], []),
    ]
    for route in ("/v1/shards", "/v2/shards"):
        for body in bodies:
            answer = cas.post(route, body)
            assert answer.status == 400
            assert answer.json()["error"]
    assert cas.plan(file).status == 404


def test_d_xet_tokens_refused(world: World) -> None:
    cas = world.xet("ann")
    file = cas.send(make("tokens", 9_000))
    path = f"/v2/reconstructions/{to_text(file.name)}"
    other = world.xet("bob", repo="bob/m")
    assert world.client.get(cas.path + path).status == 401
    for token in ("", "x", cas.token[:-2], cas.token + "x", "a.b.c.d", world.tokens["ann"], other.token):
        assert world.client.get(cas.path + path, token=token).status == 401, token
    elsewhere = cas.path.replace("/cas/1/", "/cas/2/")
    assert world.client.get(elsewhere + path, token=cas.token).status == 401
    reader = world.xet("ann", "read")
    assert reader.post("/v1/shards", b"").status == 403
    assert reader.send_xorb(file.terms[0].xorb).status == 403


def test_d_xet_expired_token_has_a_minute_of_leeway(world: World) -> None:
    cas = world.xet("ann")
    claims = world.hub.keyring.unseal("xet-token", cas.token)
    for seconds, status in ((-30, 404), (-90, 401)):
        token = world.hub.keyring.seal("xet-token", claims, seconds=seconds)
        assert world.client.get(f"{cas.path}/v1/chunks/default/{'0' * 64}", token=token).status == status


def test_a_revoked_token_counts_at_once(world: World) -> None:
    """E-STATE: what was derived from a token does not outlive it."""
    cas = world.xet("ann")
    file = cas.send(make("revoked", 9_000))
    Tokens(world.hub.database).revoke(world.hub.directory.get_user("ann"), world.tokens["ann"])
    assert cas.plan(file).status == 401


def test_a_repo_made_private_counts_at_once(world: World) -> None:
    writer = world.xet("ann", repo="ann/open")
    file = writer.send(make("was public", 9_000))
    reader, nobody = world.xet("bob", "read", "ann/open"), world.xet(None, "read", "ann/open")
    assert reader.plan(file).status == nobody.plan(file).status == 200
    answer = world.json("PUT", "/api/models/ann/open/settings", "ann", json={"private": True})
    assert answer.status == 200
    assert (reader.plan(file).status, nobody.plan(file).status) == (404, 404)


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
    for outside in (f"bytes=0-{end}", f"bytes={start}-{end + 1}", f"bytes={start}-{start},{end + 1}-{end + 2}"):
        assert world.client.get(url, headers={"range": outside}).status == 403, outside
    for wrong in (None, "bytes=", "bytes=5-", "bytes=9-1", f"bytes={start}-{start + 9},{start + 5}-{end}"):
        assert world.client.get(url, headers={"range": wrong} if wrong else {}).status == 400, wrong


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
    world.hub.blobs.delete(next(iter(world.hub.blobs.keys("xet/xorbs/"))))
    assert world.client.get(url, headers={"range": f"bytes={start}-{end}"}).status == 500


# --- E-XET: what must stay hidden -----------------------------------------------------------------------------------


def test_e_xet_1_a_private_chunk_is_unknown_to_strangers(world: World) -> None:
    file = world.xet("ann").send(make("private chunk", 100_000))
    first = to_text(file.terms[0].xorb.hashes[0])
    assert world.xet("ann", "read").get(f"/v1/chunks/default/{first}").status == 200
    stranger = world.xet("bob", "read", "bob/m")
    known, unknown = (stranger.get(f"/v1/chunks/default/{name}") for name in (first, "0" * 64))
    assert known.status == unknown.status == 404
    assert known.text.replace(first, "") == unknown.text.replace("0" * 64, "")


def test_e_xet_2_a_read_token_for_one_repo_opens_no_file_of_another(world: World) -> None:
    file = world.xet("ann").send(make("file of m", 100_000))
    for cas in (
        world.xet("bob", repo="bob/m"),
        world.xet("ann", repo="ann/open"),
        world.xet("bob", "read", "ann/open"),
    ):
        absent = cas.get(f"/v2/reconstructions/{'0' * 64}")
        foreign = cas.plan(file)
        assert foreign.status == absent.status == 404
        assert foreign.text.replace(to_text(file.name), "") == absent.text.replace("0" * 64, "")


def test_e_xet_3_a_shard_over_foreign_xorbs_is_refused(world: World) -> None:
    file = world.xet("ann").send(make("claimed", 100_000))
    thief = world.xet("bob", repo="bob/m")
    answer = thief.post("/v1/shards", shard_of([file], []))
    assert answer.status == 400
    assert thief.plan(file).status == 404
    line = {"key": "lfsFile", "value": {"path": "x.bin", "algo": "sha256", "oid": file.sha256, "size": len(file.data)}}
    head = {"key": "header", "value": {"summary": "steal"}}
    body = b"\n".join(map(msgspec.json.encode, (head, line)))
    assert world.json("POST", "/api/models/bob/m/commit/main", "bob", body=body).status >= 400


def test_e_xet_3_a_xorb_of_a_repo_that_may_be_read_is_fine_until_it_may_not(world: World) -> None:
    file = world.xet("ann", repo="ann/open").send(make("shared", 100_000))
    bob = world.xet("bob", repo="bob/m")
    assert bob.post("/v1/shards", shard_of([file], [])).status == 200
    second = world.xet("ann", repo="ann/open").send(make("shared later", 100_000))
    world.json("PUT", "/api/models/ann/open/settings", "ann", json={"private": True})
    assert bob.post("/v1/shards", shard_of([second], [])).status == 400


def test_e_xet_4_no_plain_chunk_hash_leaves_the_hub(world: World) -> None:
    file = world.xet("ann").send(make("answer", 400_000))
    reader = world.xet("ann", "read", "ann/open")
    hashes = file.terms[0].xorb.hashes
    answer = reader.get(f"/v1/chunks/default/{to_text(hashes[0])}")
    assert answer.headers["content-type"] == "application/octet-stream"
    plan = world.xet("ann", "read").plan(file)
    for name in hashes[: len(hashes) if len(hashes) > 1 else 0]:
        assert name not in answer.body
        assert to_text(name) not in plan.text
