"""What tidies up by itself, on both engines."""

import os
import secrets
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from pioche.config import Config
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.events import Event
from pioche.git.store import GitStore
from pioche.jobs import leases
from pioche.jobs.queue import Queue
from pioche.storage import incoming
from pioche.upkeep import tidying
from pioche.upkeep.tidying import Repack, RepackWhenScattered
from tests.behaviour.rows import add_repo, add_user


@pytest.fixture
def repo_id(database: Database) -> int:
    return add_repo(database, add_user(database, "ada"), "ada/m")


def add_upload(database: Database, repo_id: int, *, expires_in_ms: int) -> str:
    upload = secrets.token_hex(8)
    values = {"id": upload, "repo_id": repo_id, "user_id": 1, "sha256": "0" * 64, "size": 1, "part_bytes": 1}
    with database.write() as connection:
        connection.execute(schema.uploads.insert().values(**values, expires_at=now_ms() + expires_in_ms))
    return upload


def leave(config: Config, name: str, *, age_s: float = 0) -> Path:
    path = config.data_dir / "incoming" / name
    path.write_bytes(b"half")
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def left(config: Config) -> set[str]:
    return {path.name for path in (config.data_dir / "incoming").iterdir()}


def test_at_start_only_uploads_that_may_go_on_are_kept(config: Config, database: Database, repo_id: int) -> None:
    live = add_upload(database, repo_id, expires_in_ms=60_000)
    expired = add_upload(database, repo_id, expires_in_ms=-1)
    for name in (f"upload-{live}", f"upload-{expired}", "upload-unknown", "draft-1"):
        leave(config, name)
    (config.data_dir / "incoming" / "quarantine" / "objects").mkdir(parents=True)
    assert incoming.sweep(database, config.data_dir, untouched_seconds=0) == 4
    assert left(config) == {f"upload-{live}"}
    with database.read() as connection:
        assert list(connection.execute(sa.select(schema.uploads.c.id)).scalars()) == [live]


def test_while_the_hub_runs_what_is_being_written_is_kept(config: Config, database: Database) -> None:
    leave(config, "draft-old", age_s=7200)
    leave(config, "draft-new")
    (config.data_dir / "incoming" / "quarantine").mkdir()
    leave(config, "quarantine/part")
    os.utime(config.data_dir / "incoming" / "quarantine", (0, 0))
    assert incoming.sweep(database, config.data_dir, untouched_seconds=3600) == 1
    assert left(config) == {"draft-new", "quarantine"}


def test_a_repo_of_many_packs_is_repacked(
    config: Config, database: Database, repo_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "_PACKS_MAX", 5)
    git = GitStore(config.data_dir / "git")
    with database.read() as connection:
        uid = connection.execute(sa.select(schema.repos.c.uid)).scalar_one()
    consumer = RepackWhenScattered(database, git)
    changed = Event("repo.content.update", repo_id)
    for number in range(6):
        consumer.handle(changed)
        assert Queue(database).counts() == {}
        git.write(uid, [("blob", b"%d" % number)])
    consumer.handle(changed)
    consumer.handle(changed)
    lease = Queue(database).lease([Repack.kind], lease_ms=60_000)
    assert lease is not None
    Repack(database, git).run(lease.key, lease.payload)
    assert git.pack_count(uid) < 6
    Repack(database, git).run(lease.key, lease.payload)


def test_other_events_and_repos_that_are_gone_are_nobodys_concern(config: Config, database: Database) -> None:
    consumer = RepackWhenScattered(database, GitStore(config.data_dir / "git"))
    consumer.handle(Event("repo.delete", 4711))
    consumer.handle(Event("repo.content.update", 4711))
    assert Queue(database).counts() == {}


def test_a_repack_waits_for_a_collection_which_removes_packs_too(
    config: Config, database: Database, repo_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "_PACKS_MAX", 1)
    git = GitStore(config.data_dir / "git")
    for number in range(3):
        git.write("abc123", [("blob", b"%d" % number)])
    with leases.held(database, leases.COLLECTION, "gc"):
        Repack(database, git).run("abc123", {})
    assert git.pack_count("abc123") == 3
    assert Queue(database).counts() == {(Repack.kind, "waiting"): 1}


def test_a_repack_of_a_repo_that_is_gone_does_nothing(config: Config, database: Database) -> None:
    Repack(database, GitStore(config.data_dir / "git")).run("abc123", {})
