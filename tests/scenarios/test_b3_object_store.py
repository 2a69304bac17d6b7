"""B3, B4 on PostgreSQL and an object store: what is damaged in the bucket is refused, and found; the rest is served.

The store hashes what it keeps by itself; what is tried here is that somebody overwrote, cut or removed an object.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pioche.storage.blobs import blob_key, xorb_key
from pioche.storage.xet.hashing import to_text
from pioche.upkeep.fsck.scene import Scene
from pioche.upkeep.scrub import Scrubber
from tests.asgi import Answer
from tests.databases import Postgres
from tests.lfs_client import batch, follow, one, upload
from tests.local import LocalHub, User, sha256_of
from tests.objectstore import ObjectStore
from tests.sender import xet_file
from tests.stored import InBucket, Stored, cut, flip, remove, zero
from tests.xet_client import File, Xorb, shard_of
from tests.xet_world import Cas

WHOLE = random.Random(31).randbytes(300_000)
OTHER = random.Random(32).randbytes(1000)
CHUNKED = random.Random(33).randbytes(200_000)
FILES = "/ada/model/resolve/main"

Harm = Callable[[Stored], None]
WAYS = ("redirect", "through")
"""Clients are sent to the store, or the hub sends all bytes."""


def cases(soon: Harm) -> pytest.MarkDecorator:
    """Each harm with each way; `make test` tries one of them, by redirect."""
    found = [
        pytest.param(
            way,
            harm,
            id=f"{harm.__name__}-{way}",
            marks=() if (way, harm) == ("redirect", soon) else pytest.mark.long,
        )
        for way in WAYS
        for harm in (flip, cut, zero, remove)
    ]
    return pytest.mark.parametrize(("store_hub", "harm"), found, indirect=["store_hub"])


@pytest.fixture
def store_hub(
    request: pytest.FixtureRequest, postgres: Postgres, object_store: ObjectStore, tmp_path: Path
) -> Iterator[LocalHub]:
    redirects = "on" if request.param == "redirect" else "off"
    settings = object_store.settings(storage_redirects=redirects)
    with postgres.config(tmp_path / "data", cache_bytes_max=0, **settings) as config:
        local = LocalHub(config)
        yield local
        local.close()


@pytest.fixture
def ada(store_hub: LocalHub) -> User:
    user = store_hub.user("ada")
    store_hub.create_repo(user, "ada/model")
    store_hub.commit(user, "ada/model", {"a.txt": b"small"}, large={"whole.bin": WHOLE, "other.bin": OTHER})
    return user


def bytes_of(local: LocalHub, path: str) -> Answer:
    """As a client has them: redirects are followed."""
    answer = local.client.get(f"{FILES}/{path}")
    if answer.status != 302:
        return answer
    found = httpx.get(answer.headers["location"])
    return Answer(found.status_code, tuple(found.headers.items()), found.content, complete=True)


def is_corrupt(answer: Answer) -> None:
    assert (answer.status, answer.headers.get("x-error-code")) == (500, "Corrupt"), (answer.status, answer.text[:200])


def scrub(local: LocalHub) -> list[str]:
    """The keys that it found damaged."""
    scene = Scene(local.hub.config, local.hub.database, local.hub.blobs)
    scrubber = Scrubber(scene, bytes_per_second=2**40, looks_per_second=2**40, period_ms=0)
    while scrubber.run(seconds=600):
        continue
    return [str(row[0]) for row in _aside(local)]


def _aside(local: LocalHub) -> list[tuple[str]]:
    with local.hub.database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT key FROM quarantine")]


def check_the_rest(local: LocalHub) -> None:
    assert bytes_of(local, "other.bin").body == OTHER
    assert local.client.get(f"{FILES}/a.txt").body == b"small"
    assert local.client.get("/api/models/ada/model").status == 200


@cases(soon=remove)
def test_b3_b4_a_damaged_object(store_hub: LocalHub, ada: User, harm: Harm) -> None:
    local, oid = store_hub, sha256_of(WHOLE)
    assert bytes_of(local, "whole.bin").body == WHOLE
    harm(InBucket(local.hub.blobs, blob_key(oid)))
    found = bytes_of(local, "whole.bin")
    if harm is remove or (harm is cut and local.hub.config.storage_redirects == "off"):
        assert found.status >= 400 or not found.complete, "what is too short is never taken for whole"
    check_the_rest(local)
    assert scrub(local) == ([] if harm is remove else [blob_key(oid)])
    is_corrupt(local.client.get(f"{FILES}/whole.bin"))
    is_corrupt(local.client.get(f"{FILES}/whole.bin", headers={"range": "bytes=0-99"}))
    is_corrupt(local.client.head(f"{FILES}/whole.bin"))
    address = one(batch(local, ada, "download", (oid, len(WHOLE))))["actions"]["download"]
    assert follow(local, address, "GET").status == 500, "the hub says so, and sends nobody to the store"
    check_the_rest(local)
    upload(local, ada, WHOLE)
    assert bytes_of(local, "whole.bin").body == WHOLE
    assert local.client.head(f"{FILES}/whole.bin").status == 200


@cases(soon=flip)
def test_b3_b4_a_damaged_xorb(store_hub: LocalHub, ada: User, harm: Harm) -> None:
    local = store_hub
    cas, (file, xorb) = _cas(local, ada), xet_file(CHUNKED)
    _send(cas, file, xorb)
    local.commit(ada, "ada/model", large={"chunked.bin": CHUNKED})
    assert bytes_of(local, "chunked.bin").body == CHUNKED
    harm(InBucket(local.hub.blobs, xorb_key(to_text(xorb.name))))
    is_corrupt(local.client.get(f"{FILES}/chunked.bin"))
    check_the_rest(local)
    assert scrub(local) == ([] if harm is remove else [xorb_key(to_text(xorb.name))])
    for answer in (local.client.head(f"{FILES}/chunked.bin"), local.client.get(f"{FILES}/chunked.bin")):
        is_corrupt(answer)
    assert cas.plan(file).status in (404, 500)
    _send(_cas(local, ada), file, xorb)
    assert bytes_of(local, "chunked.bin").body == CHUNKED
    assert _cas(local, ada).plan(file).status == 200


def _cas(local: LocalHub, ada: User) -> Cas:
    answer = local.client.get("/api/models/ada/model/xet-write-token/main", token=ada.token).json()
    return Cas(local.client, answer["casUrl"].partition("localhost:8000")[2], answer["accessToken"])


def _send(cas: Cas, file: File, xorb: Xorb) -> None:
    assert cas.send_xorb(xorb).status == 200
    assert cas.post("/v1/shards", shard_of([file], [xorb])).json() == {"result": 1}
