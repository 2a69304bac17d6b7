"""Large files and the repos that hold them, over both databases (`pioche.storage.contents`)."""

import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import ContentNotFound, Corrupt, RepoNotFound
from pioche.names import Sha256
from pioche.storage.blobs import BlobStore, HasPaths, blob_key
from pioche.storage.contents import Content, Contents, insert_content, insert_links
from tests.behaviour.rows import add_repo, add_user
from tests.behaviour.stores import open_store


class ChunkReader:
    """Stands for `storage.xet`: files kept as chunks, by their xet hash."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read(self, xet_hash: str, start: int, end: int) -> Iterator[bytes]:
        yield self.files[xet_hash][start:end]

    def check(self, xet_hash: str) -> None:
        assert xet_hash in self.files


@pytest.fixture
def chunks() -> ChunkReader:
    return ChunkReader()


@pytest.fixture(params=["local", "s3"])
def blobs(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> BlobStore:
    return open_store(request, tmp_path / "data")


@pytest.fixture
def contents(database: Database, blobs: BlobStore, chunks: ChunkReader) -> Contents:
    return Contents(database, blobs, chunks)


@pytest.fixture
def user(database: Database) -> int:
    return add_user(database, "ada")


@pytest.fixture
def repo(database: Database, user: int) -> int:
    return add_repo(database, user, "ada/model")


@pytest.fixture
def other(database: Database, user: int) -> int:
    return add_repo(database, user, "ada/other")


def draft(tmp_path: Path, data: bytes) -> tuple[Sha256, Path]:
    path = tmp_path / "data" / "incoming" / f"draft-{os.urandom(6).hex()}"
    path.write_bytes(data)
    return Sha256(hashlib.sha256(data).hexdigest()), path


def test_adopted_bytes_are_read_and_linked(
    contents: Contents, blobs: BlobStore, repo: int, user: int, tmp_path: Path
) -> None:
    data = os.urandom(100_000)
    sha256, path = draft(tmp_path, data)
    contents.adopt(repo, user, sha256, path)
    found = contents.get(repo, sha256)
    assert found == Content(sha256, len(data), "blob", None)
    assert b"".join(contents.read(found)) == data
    assert b"".join(contents.read(found, 10, 20)) == data[10:20]
    assert not path.exists()
    kept = contents.path(found)
    assert (kept is not None) == isinstance(blobs, HasPaths)
    assert kept is None or kept.read_bytes() == data


def test_the_hot_look_up_says_the_same(
    contents: Contents, database: Database, repo: int, user: int, tmp_path: Path
) -> None:
    sha256, path = draft(tmp_path, b"hello")
    contents.adopt(repo, user, sha256, path)

    async def look() -> Content:
        try:
            with pytest.raises(ContentNotFound):
                await contents.locate(repo, Sha256("0" * 64))
            return await contents.locate(repo, sha256)
        finally:
            await database.aclose()

    assert asyncio.run(look()) == contents.get(repo, sha256)


def test_a_hash_gives_nothing_to_another_repo(
    contents: Contents, repo: int, other: int, user: int, tmp_path: Path
) -> None:
    """I5: absent and foreign look the same."""
    sha256, path = draft(tmp_path, b"secret")
    contents.adopt(repo, user, sha256, path)
    with pytest.raises(ContentNotFound) as foreign:
        contents.get(other, sha256)
    absent_hash = Sha256("0" * 64)
    with pytest.raises(ContentNotFound) as absent:
        contents.get(other, absent_hash)
    assert foreign.value.message.replace(sha256, "") == absent.value.message.replace(absent_hash, "")
    assert contents.find(other, [sha256, absent_hash]) == {}


def test_the_same_bytes_are_kept_once_for_two_repos(
    contents: Contents, blobs: BlobStore, repo: int, other: int, user: int, tmp_path: Path
) -> None:
    for target in (repo, other, repo):
        sha256, path = draft(tmp_path, b"shared")
        contents.adopt(target, user, sha256, path)
    assert contents.get(repo, sha256) == contents.get(other, sha256)
    assert [stored.key for stored in blobs.list("blobs")] == [blob_key(sha256)]


def test_a_link_is_made_in_the_callers_transaction(
    contents: Contents, database: Database, repo: int, other: int, user: int, tmp_path: Path
) -> None:
    sha256, path = draft(tmp_path, b"copied")
    contents.adopt(repo, user, sha256, path)
    with database.engine.connect() as connection:
        contents.link(connection, other, user, [sha256])
        connection.rollback()
    assert contents.find(other, [sha256]) == {}
    with database.write() as connection:
        contents.link(connection, other, user, [sha256, sha256])
        contents.link(connection, other, user, [sha256])
    assert contents.get(other, sha256).size == 6


def test_many_are_found_at_once(contents: Contents, database: Database, repo: int, user: int) -> None:
    sha256s = [Sha256(hashlib.sha256(str(number).encode()).hexdigest()) for number in range(1200)]
    with database.write() as connection:
        for sha256 in sha256s[::2]:
            insert_content(connection, Content(sha256, 1, "blob", None))
        insert_links(connection, repo, user, sha256s[::2])
    assert set(contents.find(repo, sha256s)) == set(sha256s[::2])


def test_what_is_kept_as_chunks_stays_so_and_reads_the_same(
    contents: Contents, database: Database, blobs: BlobStore, chunks: ChunkReader, repo: int, user: int, tmp_path: Path
) -> None:
    data = b"in chunks already"
    sha256, path = draft(tmp_path, data)
    chunks.files["f" * 64] = data
    with database.write() as connection:
        insert_content(connection, Content(sha256, len(data), "xet", "f" * 64))
    contents.adopt(repo, user, sha256, path)
    found = contents.get(repo, sha256)
    assert (found.kind, found.xet_hash) == ("xet", "f" * 64)
    assert b"".join(contents.read(found, 3, 9)) == data[3:9]
    assert contents.path(found) is None
    assert not path.exists()
    assert list(blobs.list("blobs")) == [], "no second copy"


def test_a_repo_that_went_away_meanwhile(
    contents: Contents, database: Database, repo: int, user: int, tmp_path: Path
) -> None:
    sha256, path = draft(tmp_path, b"too late")
    with database.write() as connection:
        connection.execute(schema.repos.delete().where(schema.repos.c.id == repo))
    with pytest.raises(RepoNotFound):
        contents.adopt(repo, user, sha256, path)
    with database.read() as connection:
        assert connection.execute(sa.select(schema.contents)).first() is None


def test_a_deleted_repo_leaves_no_link(
    contents: Contents, database: Database, repo: int, user: int, tmp_path: Path
) -> None:
    sha256, path = draft(tmp_path, b"gone")
    contents.adopt(repo, user, sha256, path)
    with database.write() as connection:
        connection.execute(schema.repos.delete().where(schema.repos.c.id == repo))
    assert contents.find(repo, [sha256]) == {}


def test_a_missing_file_is_corrupt_and_not_absent(
    contents: Contents, blobs: BlobStore, repo: int, user: int, tmp_path: Path
) -> None:
    sha256, path = draft(tmp_path, b"lost")
    contents.adopt(repo, user, sha256, path)
    blobs.delete(blob_key(sha256))
    with pytest.raises(Corrupt):
        b"".join(contents.read(contents.get(repo, sha256)))


def test_putting_the_bytes_again_mends_it(
    contents: Contents, blobs: BlobStore, repo: int, user: int, tmp_path: Path
) -> None:
    sha256, path = draft(tmp_path, b"lost")
    contents.adopt(repo, user, sha256, path)
    blobs.delete(blob_key(sha256))
    _, again = draft(tmp_path, b"lost")
    contents.adopt(repo, user, sha256, again)
    assert b"".join(contents.read(contents.get(repo, sha256))) == b"lost"
