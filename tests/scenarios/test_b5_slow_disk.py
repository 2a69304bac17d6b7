"""B5: a disk that takes its time for each write holds up who writes, and nobody else: no event loop waits for it."""

import asyncio
import os
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.databases import SqliteTemplate
from tests.inside import ndjson
from tests.lfs_client import batch, follow, one, path_of, upload
from tests.local import LocalHub, sha256_of
from tests.sender import xet_file
from tests.xet_client import shard_of
from tests.xet_world import opened

_WRITES = ("writev", "pwritev", "pwrite", "write", "fdatasync", "fsync", "unlink", "rename", "replace", "truncate")
_DATA = b"slow" * 100_000


@pytest.fixture
def on_the_loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every write to the disk is slow, and noted when it was made on an event loop."""
    found: list[str] = []

    def slowed(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                time.sleep(0.01)
            else:
                found.append(f"{name}\n{''.join(traceback.format_stack(limit=6))}")
            return real(*arguments, **options)

        return call

    for name in _WRITES:
        monkeypatch.setattr(os, name, slowed(name, getattr(os, name)))
    yield found
    assert found == []


def test_b5_no_write_of_an_upload_is_made_on_the_event_loop(local: LocalHub, on_the_loop: list[str]) -> None:
    ada = local.user("ada")
    local.create_repo(ada, "ada/model")
    upload(local, ada, _DATA)
    local.commit(ada, "ada/model", {f"{n}.txt": os.urandom(1_500_000) for n in range(7)})  # the last ones are spooled
    found = one(batch(local, ada, "upload", (sha256_of(_DATA + b"1"), len(_DATA) + 1)))["actions"]["upload"]
    assert follow(local, found, "PUT", body=_DATA).status == 422, "and no removal of what was refused"
    assert local.client.put(path_of(found["href"]), body=[_DATA, b"1"]).status == 200


def test_b5_no_write_of_a_xet_upload_is_made_on_the_event_loop(
    sqlite_template: SqliteTemplate, tmp_path: Any, on_the_loop: list[str]
) -> None:
    with opened(sqlite_template, tmp_path / "world") as world:
        cas = world.xet("ann")
        file, xorb = xet_file(_DATA)
        assert cas.send_xorb(xorb).status == 200
        assert cas.post("/v1/shards", shard_of([file], [xorb])).status == 200
        assert cas.post("/v1/shards", b"not one").status == 400
        line = ("lfsFile", {"path": "x.bin", "algo": "sha256", "oid": file.sha256, "size": len(_DATA)})
        body = ndjson({"summary": "x"}, line)
        assert world.json("POST", "/api/models/ann/m/commit/main", "ann", body=body).status == 200
        assert world.json("GET", "/ann/m/resolve/main/x.bin", "ann").body == _DATA
