"""D-XET: hostile input to the CAS. E-XET: what one account could learn or claim of another's content."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pioche.accounts.tokens import Tokens
from pioche.storage.xet.hashing import to_text
from tests.databases import SqliteTemplate
from tests.xet_client import file_of, file_records, make, shard_body, shard_of
from tests.xet_world import World, opened


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
