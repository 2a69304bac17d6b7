"""D-XET: hostile input to the CAS. E-XET: what one account could learn or claim of another's content."""

import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from lz4.frame import compress

from pioche.accounts.tokens import Tokens
from pioche.storage.blobs import xorb_key
from pioche.storage.xet.hashing import to_text
from tests.databases import SqliteTemplate
from tests.inside import ndjson
from tests.xet_client import file_of, file_records, make, shard_body, shard_of, xorb_records
from tests.xet_world import ORIGIN, Cas, World, opened


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("template"))


@pytest.fixture
def world(template: SqliteTemplate, tmp_path: Path) -> Iterator[World]:
    with opened(template, tmp_path / "data") as world:
        yield world


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


# --- D-XET: lies about sizes, counts and ranges -----------------------------------------------------------------------


@pytest.mark.parametrize("scheme", [1, 2])
@pytest.mark.parametrize("announced", [1, 128 * 1024])
def test_d_xet_a_bomb_costs_what_it_announces(world: World, scheme: int, announced: int) -> None:
    """40 MB in 160 KB: decoding ends one byte past what the chunk's header says."""
    cas = world.xet("ann")
    payload = compress(bytes(40_000_000), store_size=False)
    header = bytes([0]) + len(payload).to_bytes(3, "little") + bytes([scheme]) + announced.to_bytes(3, "little")
    tracemalloc.start()
    answer = cas.post(f"/v1/xorbs/default/{'0' * 64}", header + payload)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status == 400, answer.text
    assert peak < 8_000_000


@pytest.mark.parametrize(
    "body",
    [
        bytes([0, 1, 0, 0, 0]) + (128 * 1024 + 1).to_bytes(3, "little") + b"x",
        bytes([0, 1, 0, 0, 0]) + (0).to_bytes(3, "little") + b"x",
        bytes([0, 255, 255, 255, 0]) + (5).to_bytes(3, "little") + b"x" * 5,
        bytes([0, 5, 0, 0, 0]) + (6).to_bytes(3, "little") + b"x" * 5,
        bytes([0, 5, 0, 0, 3]) + (5).to_bytes(3, "little") + b"x" * 5,
        b"XETBLOB" + bytes(1000),
    ],
    ids=["too long", "of nothing", "longer than the body", "another length", "unknown scheme", "a footer alone"],
)
def test_d_xet_chunks_that_lie(world: World, body: bytes) -> None:
    cas = world.xet("ann")
    answer = cas.post(f"/v1/xorbs/default/{'0' * 64}", body)
    assert answer.status == 400
    assert answer.json()["error"]
    assert not list((world.hub.config.data_dir / "incoming").iterdir())


def test_d_xet_a_footer_of_nonsense_is_not_kept(world: World) -> None:
    """What follows the chunks is a footer of other tools, or anything: it is not part of the xorb."""
    cas = world.xet("ann")
    file, xorb = file_of(make("footer", 20_000))
    for tail in (b"XETBLOB" + b"\xff" * 1000, b"XETBLOB"):
        assert cas.post(f"/v1/xorbs/default/{to_text(xorb.name)}", xorb.body + tail).status == 200
    assert cas.post("/v1/shards", shard_of([file], [xorb])).status == 200
    stored = world.hub.config.data_dir / xorb_key(to_text(xorb.name))
    assert stored.read_bytes() == xorb.body


@pytest.mark.parametrize(
    ("start", "end", "raw_bytes"), [(0, 2**32 - 1, 9_000), (2**32 - 1, 0, 9_000), (1, 1, 0), (0, 1, 2**32 - 1)]
)
def test_d_xet_terms_that_lie(world: World, start: int, end: int, raw_bytes: int) -> None:
    cas = world.xet("ann")
    file, xorb = file_of(make("terms", 9_000))
    cas.send_xorb(xorb)
    records = file_records(file)
    term = xorb.name + struct.pack("<IIII", 0, raw_bytes, start, end)
    answer = cas.post("/v1/shards", shard_body([records[:48] + term + records[96:]], []))
    assert answer.status == 400
    assert cas.plan(file).status == 404


@pytest.mark.parametrize(
    ("range_", "status"),
    [
        ("bytes=0-999999999999999999", 200),
        ("bytes=100000-", 416),
        ("bytes=100000-100001", 416),
        ("bytes=5-2", 400),
        ("bytes=-5", 400),
        ("bytes=0-1,5-6", 400),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(5000)), 400),
        ("bytes=9999999999999999999999-", 400),
        ("chunks=0-1", 400),
        ("\u0660", 400),
    ],
)
def test_d_xet_ranges_of_a_file(world: World, range_: str, status: int) -> None:
    cas = world.xet("ann")
    file = cas.send(make("ranges", 100_000))
    value = range_.encode().decode("latin-1")
    answer = cas.plan(file, headers={"range": value})
    assert answer.status == status, answer.text
    if status == 416:
        assert answer.headers["content-range"] == "bytes */100000"


@pytest.mark.parametrize("range_", ["bytes=0-0,0-0", "bytes=0-99999999", "bytes=-1", "bytes=99999999-", "0-1", ""])
def test_d_xet_ranges_of_a_signed_address(world: World, range_: str) -> None:
    """Never more than the address is for, and never the whole."""
    cas = world.xet("ann")
    cas.send_xorb(file_of(make("others", 50_000))[1])
    file = cas.send(make("signed", 300_000))
    plan = cas.plan(file, headers={"range": "bytes=0-10"}).json()
    [[place]] = plan["xorbs"].values()
    last = place["ranges"][0]["bytes"]["end"]
    answer = world.client.get(place["url"].removeprefix(ORIGIN), headers={"range": range_} if range_ else {})
    assert answer.status in (206, 400, 403, 416), answer.text
    assert len(answer.body) < last + 1000
    if range_ == "bytes=0-99999999":
        assert answer.status == 403


# --- D-XET: what was learnt elsewhere ---------------------------------------------------------------------------------


def test_d_xet_a_hidden_hash_opens_nothing(world: World) -> None:
    """HMAC key replay: what a deduplication answer names under its key is no chunk of anybody's."""
    cas = world.xet("ann")
    file, xorb = file_of(make("replay", 200_000))
    cas.send_xorb(xorb)
    assert cas.post("/v1/shards", shard_of([file], [xorb])).status == 200
    answer = cas.get(f"/v1/chunks/default/{to_text(xorb.hashes[0])}")
    assert answer.status == 200
    hidden = answer.body[48 * 3 : 48 * 3 + 32]
    assert hidden not in xorb.hashes
    assert world.xet("bob", "read", "bob/m").get(f"/v1/chunks/default/{to_text(hidden)}").status == 404
    again = cas.get(f"/v1/chunks/default/{to_text(hidden)}")  # of ann's own files she may be told, under another key
    assert not [name for name in (hidden, *xorb.hashes) if name in again.body]
    forged = xorb_records(xorb).replace(xorb.hashes[0], hidden)
    assert cas.post("/v1/shards", shard_body([file_records(file)], [forged])).status == 400


def test_d_xet_a_token_for_a_pull_request_is_no_right_to_commit(world: World) -> None:
    """Other-ref token: bob may propose to ann's public repo. What he uploads is not on main."""
    answer = world.json("GET", "/api/models/ann/open/xet-write-token/main?create_pr=1", "bob").json()
    cas = Cas(world.client, answer["casUrl"].removeprefix(ORIGIN), answer["accessToken"])
    file = cas.send(make("proposed", 9_000))
    line = ("lfsFile", {"path": "x.bin", "algo": "sha256", "oid": file.sha256, "size": len(file.data)})
    body = ndjson({"summary": "x"}, line)
    assert world.json("POST", "/api/models/ann/open/commit/main", "bob", body=body).status == 403
    assert world.json("POST", "/api/models/ann/open/commit/main?create_pr=1", "bob", body=body).status == 200
    other = world.xet("ann", repo="ann/m")
    assert world.client.post(other.path + "/v1/shards", token=cas.token, body=b"").status == 401
