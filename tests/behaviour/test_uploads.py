"""Uploads in parts, over both databases (`pioche.storage.uploads`)."""

import fcntl
import hashlib
import os
import random
from pathlib import Path

import pytest
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import ContentMismatch, ContentNotFound, Unavailable, Unprocessable
from pioche.names import Sha256
from pioche.storage.contents import Contents
from pioche.storage.incoming import sweep
from pioche.storage.uploads import Busy, Upload, Uploads
from tests.behaviour.rows import add_repo, add_user
from tests.behaviour.stores import open_store
from tests.behaviour.test_contents import ChunkReader

PART = 1000


@pytest.fixture
def incoming(database: Database, tmp_path: Path) -> Path:
    return tmp_path / "data" / "incoming"


@pytest.fixture(params=["local", "s3"])
def contents(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Contents:
    return Contents(database, open_store(request, tmp_path / "data"), ChunkReader())


@pytest.fixture
def uploads(database: Database, contents: Contents, incoming: Path) -> Uploads:
    return Uploads(database, contents, incoming.parent)


@pytest.fixture
def user(database: Database) -> int:
    return add_user(database, "ada")


@pytest.fixture
def repo(database: Database, user: int) -> int:
    return add_repo(database, user, "ada/model")


@pytest.fixture
def data() -> bytes:
    return os.urandom(3 * PART + 123)


def begin(uploads: Uploads, repo: int, user: int, data: bytes, *, seconds: int = 60) -> Upload:
    sha256 = Sha256(hashlib.sha256(data).hexdigest())
    return uploads.begin(repo, user, [(sha256, len(data))], part_bytes=PART, seconds=seconds)[0]


def send(uploads: Uploads, upload: Upload, number: int, data: bytes) -> None:
    with uploads.part(upload, number) as part:
        part.write([data[:10], b"", data[10:]])
        part.finish()


def send_all(uploads: Uploads, upload: Upload, data: bytes, numbers: list[int] | None = None) -> None:
    for number in numbers or range(1, upload.part_count + 1):
        start, end = upload.span(number)
        send(uploads, upload, number, data[start:end])


def test_parts_in_any_order_and_again_make_the_file(
    uploads: Uploads, contents: Contents, incoming: Path, repo: int, user: int, data: bytes
) -> None:
    upload = uploads.get(begin(uploads, repo, user, data).id)
    assert upload.part_count == 4
    numbers = [1, 2, 3, 4, 2]
    random.shuffle(numbers)
    send_all(uploads, upload, data, numbers)
    uploads.complete(upload)
    assert b"".join(contents.read(contents.get(repo, upload.sha256))) == data
    assert list(incoming.iterdir()) == []
    with pytest.raises(ContentNotFound):
        uploads.get(upload.id)


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1])
def test_sizes_at_the_edges(uploads: Uploads, contents: Contents, repo: int, user: int, size: int) -> None:
    data = os.urandom(size)
    upload = begin(uploads, repo, user, data)
    send_all(uploads, upload, data)
    uploads.complete(upload)
    assert contents.get(repo, upload.sha256).size == size


@pytest.mark.parametrize("number", [0, -1, 5, 10**9])
def test_a_part_that_the_upload_has_not(uploads: Uploads, repo: int, user: int, data: bytes, number: int) -> None:
    with pytest.raises(Unprocessable, match="from 1 to 4"):
        uploads.part(begin(uploads, repo, user, data), number)


@pytest.mark.parametrize("size", [PART - 1, PART + 1])
def test_a_part_of_another_size_is_refused(uploads: Uploads, repo: int, user: int, data: bytes, size: int) -> None:
    upload = begin(uploads, repo, user, data)
    with pytest.raises(ContentMismatch):
        send(uploads, upload, 1, bytes(size))


def test_wrong_bytes_end_the_upload_and_leave_nothing(
    uploads: Uploads, contents: Contents, incoming: Path, repo: int, user: int, data: bytes
) -> None:
    upload = begin(uploads, repo, user, data)
    send_all(uploads, upload, data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ContentMismatch):
        uploads.complete(upload)
    assert contents.find(repo, [upload.sha256]) == {}
    assert list(incoming.iterdir()) == []


@pytest.mark.parametrize("missing", [1, 4])
def test_a_missing_part_is_noticed(
    uploads: Uploads, contents: Contents, repo: int, user: int, data: bytes, missing: int
) -> None:
    upload = begin(uploads, repo, user, data)
    send_all(uploads, upload, data, [number for number in (1, 2, 3, 4) if number != missing])
    with pytest.raises(ContentMismatch):
        uploads.complete(upload)
    assert contents.find(repo, [upload.sha256]) == {}


def test_completing_without_any_part(uploads: Uploads, repo: int, user: int, data: bytes) -> None:
    upload = begin(uploads, repo, user, data)
    with pytest.raises(ContentMismatch, match="send them first"):
        uploads.complete(upload)
    assert uploads.get(upload.id) == upload, "it is not over"


def test_no_byte_changes_after_it_was_verified(
    uploads: Uploads, contents: Contents, repo: int, user: int, data: bytes
) -> None:
    """I4: a part that began before the completion cannot reach the blob after it."""
    upload = begin(uploads, repo, user, data)
    send_all(uploads, upload, data)
    with uploads.part(upload, 1) as late:
        late.write([data[:10]])
        uploads.complete(upload)
        with pytest.raises(ContentNotFound):
            late.write([bytes(10)])
    assert b"".join(contents.read(contents.get(repo, upload.sha256))) == data


def test_writing_and_completing_exclude_each_other(
    uploads: Uploads, incoming: Path, repo: int, user: int, data: bytes
) -> None:
    upload = begin(uploads, repo, user, data)
    send_all(uploads, upload, data)
    with (incoming / f"upload-{upload.id}").open("rb") as elsewhere:
        fcntl.flock(elsewhere, fcntl.LOCK_EX)
        with pytest.raises(Busy):
            send(uploads, upload, 1, data[:PART])
        with pytest.raises(Busy):
            uploads.complete(upload)
        fcntl.flock(elsewhere, fcntl.LOCK_SH)
        send(uploads, upload, 1, data[:PART])
        with pytest.raises(Busy):
            uploads.complete(upload)
    uploads.complete(upload)


def test_a_failing_disk_does_not_end_the_upload(
    uploads: Uploads, contents: Contents, repo: int, user: int, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begin(uploads, repo, user, data)
    send_all(uploads, upload, data)

    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fail)
        with pytest.raises(Unavailable):
            uploads.complete(upload)
    uploads.complete(upload)
    assert contents.get(repo, upload.sha256).size == len(data)


def test_an_expired_upload_is_gone_and_swept(
    uploads: Uploads, database: Database, incoming: Path, repo: int, user: int, data: bytes
) -> None:
    old = begin(uploads, repo, user, data)
    fresh = begin(uploads, repo, user, data)
    for upload in (old, fresh):
        send(uploads, upload, 1, data[:PART])
    (incoming / "upload-stray").write_bytes(b"x")
    with database.write() as connection:
        connection.execute(schema.uploads.update().where(schema.uploads.c.id == old.id).values(expires_at=1))
    with pytest.raises(ContentNotFound):
        uploads.get(old.id)
    assert sweep(database, incoming.parent, untouched_seconds=0) == 2
    assert [path.name for path in incoming.iterdir()] == [f"upload-{fresh.id}"]
    with database.read() as connection:
        assert connection.execute(sa.select(schema.uploads.c.id)).scalars().all() == [fresh.id]


def test_a_deleted_repo_takes_its_uploads_along(
    uploads: Uploads, database: Database, repo: int, user: int, data: bytes
) -> None:
    upload = begin(uploads, repo, user, data)
    with database.write() as connection:
        connection.execute(schema.repos.delete().where(schema.repos.c.id == repo))
    with pytest.raises(ContentNotFound):
        uploads.get(upload.id)
