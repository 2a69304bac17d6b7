"""Buckets count the files that they have now: what is deleted or written over is free at once."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from pioche.buckets import batch
from pioche.buckets.batch import Add, Delete
from pioche.config import Config
from pioche.db import schema
from pioche.errors import QuotaExceeded
from pioche.names import RepoType, parse_path
from pioche.repos.access import Repo
from tests.core import Core

MB = 10**6


def used(core: Core, bucket: Repo) -> int:
    with core.hub.database.read() as connection:
        query = sa.select(schema.repos.c.used_storage).where(schema.repos.c.id == bucket.id)
        return int(connection.execute(query).scalar_one())


def hold(core: Core, bucket: Repo, xet_hash: str, size: int) -> None:
    """As after an upload."""
    with core.hub.database.write() as connection:
        content = {"sha256": xet_hash, "size": size, "kind": "xet", "xet_hash": xet_hash, "created_at": 0}
        connection.execute(schema.contents.insert().values(content))
        connection.execute(schema.repo_contents.insert().values(repo_id=bucket.id, sha256=xet_hash, created_at=0))


def test_a_bucket_counts_what_it_has_now(config: Config) -> None:
    core = Core(replace(config, storage_max_user=10 * MB))
    ada = core.user("ada")
    bucket = core.repo(ada, "ada/files", type=RepoType.BUCKET)
    large, small = "a" * 64, "b" * 64
    hold(core, bucket, large, 8 * MB)
    hold(core, bucket, small, 1 * MB)
    here, there = parse_path("here.bin"), parse_path("there.bin")

    def change(*operations: batch.Operation) -> None:
        assert batch.apply(core.hub.access, ada, bucket, operations) == []

    change(Add(here, large, None))
    assert used(core, bucket) == 8 * MB
    with pytest.raises(QuotaExceeded, match="ada uses 8"):
        change(Add(there, large, None))
    assert used(core, bucket) == 8 * MB
    change(Add(here, small, None))
    assert used(core, bucket) == 1 * MB, "written over"
    change(Add(there, large, None), Delete(here))
    assert used(core, bucket) == 8 * MB
    change(Delete(there))
    assert used(core, bucket) == 0
    core.close()
