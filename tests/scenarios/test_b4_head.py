"""B4 over HTTP: what scrub found lost is an error, for HEAD too; everything else is served, and the same upload mends it."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pioche.storage.blobs import blob_key
from pioche.upkeep.fsck.scene import Scene
from pioche.upkeep.scrub import Scrubber
from tests.databases import SqliteTemplate
from tests.inside import Inside
from tests.stored import flip

DATA = b"weights " * 8000
OTHER = b"others " * 8000
LFS = "application/vnd.git-lfs+json"


@pytest.fixture
def hub(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Inside]:
    inside = Inside(sqlite_template.config(tmp_path / "data"))
    ada = inside.user("ada")
    repo = inside.repo(ada, "ada/words")
    files = {"a.bin": inside.upload(repo, ada, DATA), "b.bin": inside.upload(repo, ada, OTHER), "c.txt": b"text"}
    inside.commit(repo, ada, files)
    with inside:
        yield inside


def test_b4_after_a_scrub_head_promises_nothing_that_get_cannot_keep(hub: Inside) -> None:
    ada = hub.hub.directory.get("ada")
    sha256 = hashlib.sha256(DATA).hexdigest()
    assert hub.client.head("/ada/words/resolve/main/a.bin").status == 200
    flip(hub.hub.config.data_dir / blob_key(sha256))
    scene = Scene(hub.hub.config, hub.hub.database, hub.hub.blobs)
    Scrubber(scene, bytes_per_second=2**40, looks_per_second=2**40, period_ms=0).run(seconds=600)
    for method in ("HEAD", "GET"):
        answer = hub.client.request(method, "/ada/words/resolve/main/a.bin")
        assert (answer.status, answer.headers["x-error-code"]) == (500, "Corrupt"), method
        logged = json.loads(hub.log.getvalue().splitlines()[-1])  # J10
        assert (logged["id"], logged["event"]) == (answer.headers["x-request-id"], "request failed")
    for path, data in (("b.bin", OTHER), ("c.txt", b"text")):
        assert hub.client.get(f"/ada/words/resolve/main/{path}").body == data
    assert [entry["path"] for entry in hub.client.get("/api/models/ada/words/tree/main").json()][1:] == [
        "a.bin", "b.bin", "c.txt",
    ]  # fmt: skip
    token = hub.hub.directory.tokens.create(ada)[0]
    batch = {"operation": "upload", "objects": [{"oid": sha256, "size": len(DATA)}], "transfers": ["basic"]}
    answer = hub.client.request(
        "POST",
        "/ada/words.git/info/lfs/objects/batch",
        token=token,
        json=batch,
        headers={"Accept": LFS, "Content-Type": LFS},
    )
    action = answer.json()["objects"][0]["actions"]["upload"]
    sent = hub.client.put("/" + action["href"].split("/", 3)[3], body=DATA)
    assert sent.status == 200, sent.text
    assert hub.client.get("/ada/words/resolve/main/a.bin").body == DATA
    assert hub.client.head("/ada/words/resolve/main/a.bin").status == 200
