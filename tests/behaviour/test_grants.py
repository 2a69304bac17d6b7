"""Uploads straight to the store: what becomes a file is what was verified, whoever writes what and when."""

import hashlib
import os
from pathlib import Path

import httpx
import pytest

from pioche.app import open_blobs
from pioche.db.engine import Database
from pioche.errors import ContentMismatch, ContentNotFound
from pioche.names import Sha256
from pioche.storage import grants as module
from pioche.storage.blobs import blob_key, grant_key
from pioche.storage.blobs.remote import S3Blobs
from pioche.storage.contents import Contents
from pioche.storage.grants import Grants
from pioche.storage.uploads import Upload, Uploads
from tests.behaviour.rows import add_repo, add_user
from tests.behaviour.stores import config_of
from tests.behaviour.test_contents import ChunkReader
from tests.objectstore import ObjectStore

MIB = 2**20


class World:
    def __init__(self, database: Database, store: ObjectStore, folder: Path) -> None:
        opened = open_blobs(config_of(store, folder))
        assert isinstance(opened, S3Blobs)
        self.blobs = opened
        self.contents = Contents(database, self.blobs, ChunkReader())
        self.uploads = Uploads(database, self.contents, folder)
        self.grants = Grants(database, self.uploads, self.blobs, self.blobs)
        self.database = database
        self.user = add_user(database, "ada")
        self.repo = add_repo(database, self.user, "ada/model")

    def begin(self, data: bytes, *, part_bytes: int = 10 * MIB, seconds: int = 60) -> Upload:
        files = [(Sha256(hashlib.sha256(data).hexdigest()), len(data))]
        return self.uploads.begin(self.repo, self.user, files, part_bytes=part_bytes, seconds=seconds)[0]

    def send(self, upload: Upload, data: bytes, part: int = 1) -> httpx.Response:
        return httpx.put(self.grants.url(upload, part, seconds=60), content=data)

    def keys(self, folder: str = "incoming") -> list[str]:
        return [stored.key for stored in self.blobs.list(folder)]


@pytest.fixture
def world(database: Database, object_store: ObjectStore, tmp_path: Path) -> World:
    return World(database, object_store, tmp_path / "data")


def test_what_was_sent_becomes_the_file(world: World) -> None:
    data = os.urandom(100_000)
    upload = world.begin(data)
    assert world.send(upload, data).status_code == 200
    assert world.keys("blobs") == []
    world.grants.complete(upload)
    content = world.contents.get(world.repo, upload.sha256)
    assert b"".join(world.contents.read(content)) == data
    assert world.keys() == []
    with pytest.raises(ContentNotFound):
        world.uploads.get(upload.id)


def test_parts_become_one_file(world: World) -> None:
    data = os.urandom(25 * MIB + 3)
    upload = world.begin(data)
    for number in (3, 1, 2):
        start, end = upload.span(number)
        world.send(upload, data[start:end], number).raise_for_status()
    world.grants.complete(upload)
    assert b"".join(world.contents.read(world.contents.get(world.repo, upload.sha256))) == data
    assert world.keys() == []


def test_nothing_sent_is_nothing_there_and_may_still_come(world: World) -> None:
    data = b"late"
    upload = world.begin(data)
    with pytest.raises(ContentNotFound):
        world.grants.complete(upload)
    world.send(upload, data).raise_for_status()
    world.grants.complete(upload)
    assert world.contents.get(world.repo, upload.sha256).size == 4


def test_a_part_that_is_missing_is_said(world: World) -> None:
    data = os.urandom(15 * MIB)
    upload = world.begin(data)
    world.send(upload, data[: 10 * MIB], 1).raise_for_status()
    with pytest.raises(ContentNotFound):
        world.grants.complete(upload)


@pytest.mark.parametrize("parts", [1, 2])
def test_other_bytes_are_refused_and_gone(world: World, parts: int) -> None:
    data = os.urandom(12 * MIB)
    upload = world.begin(data, part_bytes=len(data) // parts)
    for number in range(1, parts + 1):
        start, end = upload.span(number)
        world.send(upload, os.urandom(end - start), number).raise_for_status()
    with pytest.raises(ContentMismatch):
        world.grants.complete(upload)
    with pytest.raises(ContentNotFound):
        world.contents.get(world.repo, upload.sha256)
    assert world.keys() == []
    assert world.keys("blobs") == []
    with pytest.raises(ContentNotFound):
        world.uploads.get(upload.id)


def test_the_address_takes_exactly_the_announced_length_and_nothing_else(
    world: World, object_store: ObjectStore
) -> None:
    if not object_store.checks_signatures:
        pytest.skip("moto checks no signatures")
    upload = world.begin(b"hello")
    assert world.send(upload, b"hello!").status_code == 403
    assert world.send(upload, b"hell").status_code == 403
    url = world.grants.url(upload, 1, seconds=60)
    assert httpx.get(url).status_code == 403
    assert httpx.put(url.replace(upload.id, "0" * 32), content=b"hello").status_code == 403
    assert world.keys() == []


def test_what_is_written_during_the_verification_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grant may be used again at any time: the bytes that were hashed are the bytes that are kept."""
    data, evil = os.urandom(3 * MIB), os.urandom(3 * MIB)
    upload = world.begin(data)
    world.send(upload, data).raise_for_status()
    read = world.blobs.read

    def reading(key: str, start: int = 0, end: int | None = None):  # type: ignore[no-untyped-def]
        world.send(upload, evil).raise_for_status()
        yield from read(key, start, end)
        world.send(upload, evil).raise_for_status()

    monkeypatch.setattr(world.blobs, "read", reading)
    world.grants.complete(upload)
    monkeypatch.undo()
    assert b"".join(read(blob_key(upload.sha256), 0, len(data))) == data


def test_a_grant_used_after_its_end_is_garbage(world: World) -> None:
    data = os.urandom(1000)
    upload = world.begin(data)
    world.send(upload, data).raise_for_status()
    world.grants.complete(upload)
    world.send(upload, os.urandom(1000)).raise_for_status()
    assert b"".join(world.contents.read(world.contents.get(world.repo, upload.sha256))) == data
    assert module.sweep(world.database, world.blobs, untouched_seconds=3600) == 0
    assert module.sweep(world.database, world.blobs, untouched_seconds=-60) == 1
    assert world.keys() == []


def test_what_a_live_upload_has_sent_is_not_swept(world: World) -> None:
    upload = world.begin(b"hello")
    world.send(upload, b"hello").raise_for_status()
    assert module.sweep(world.database, world.blobs, untouched_seconds=-60) == 0
    assert world.keys() == [grant_key(upload.id)]


def test_bytes_that_are_here_already_are_kept_once(world: World) -> None:
    data = os.urandom(1000)
    for _ in range(2):
        upload = world.begin(data)
        world.send(upload, data).raise_for_status()
        world.grants.complete(upload)
    assert world.keys("blobs") == [blob_key(upload.sha256)]


def test_what_was_sent_and_not_verified_is_taken_at_the_commit(world: World) -> None:
    data = os.urandom(1000)
    unused, upload, elsewhere = world.begin(data), world.begin(data), world.begin(b"never sent")
    world.send(upload, data).raise_for_status()
    world.grants.complete_sent(world.repo, world.user, [upload.sha256, elsewhere.sha256])
    assert world.contents.get(world.repo, upload.sha256).size == len(data)
    with pytest.raises(ContentNotFound):
        world.contents.get(world.repo, elsewhere.sha256)
    assert world.uploads.get(unused.id).sha256 == upload.sha256


def test_what_somebody_else_sent_is_not(world: World) -> None:
    upload = world.begin(b"mine")
    world.send(upload, b"mine").raise_for_status()
    world.grants.complete_sent(world.repo, world.user + 1, [upload.sha256])
    with pytest.raises(ContentNotFound):
        world.contents.get(world.repo, upload.sha256)
