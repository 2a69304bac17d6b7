"""What every store of bytes promises (`pioche.storage.blobs.BlobStore`)."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pioche.errors import Corrupt, OutOfSpace, Unavailable
from pioche.storage.blobs import BlobStore, HasPaths, blob_key, shard_key, xorb_key
from pioche.storage.blobs.local import LocalBlobs
from tests.behaviour.stores import STORES, open_store

KEY = blob_key("ab" * 32)
MIB = 2**20

Source = Callable[[bytes], Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "incoming").mkdir()
    return tmp_path


@pytest.fixture(params=STORES)
def blobs(request: pytest.FixtureRequest, folder: Path) -> BlobStore:
    return open_store(request, folder)


@pytest.fixture
def source(folder: Path) -> Source:
    """Makes a local file that is ready to be taken over."""

    def make(data: bytes) -> Path:
        path = folder / "incoming" / f"draft-{os.urandom(6).hex()}"
        path.write_bytes(data)
        return path

    return make


def listed(blobs: BlobStore, prefix: str) -> set[str]:
    return {stored.key for stored in blobs.list(prefix)}


def whole(blobs: BlobStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(blobs.read(key, start, end))


@pytest.mark.parametrize("data", [b"", b"x", os.urandom(3 * MIB + 7)], ids=["empty", "one byte", "3 MiB"])
def test_what_is_put_is_read(blobs: BlobStore, source: Source, data: bytes) -> None:
    draft = source(data)
    blobs.put(KEY, draft)
    assert whole(blobs, KEY) == data
    assert blobs.size(KEY) == len(data)
    assert not draft.exists(), "the store has taken the file over"


def test_bytes_are_put_as_files_are(blobs: BlobStore) -> None:
    blobs.put_bytes(KEY, b"hello")
    blobs.put_bytes(KEY, b"hello")
    assert whole(blobs, KEY) == b"hello"


def test_putting_again_changes_nothing_and_takes_the_source(blobs: BlobStore, source: Source) -> None:
    blobs.put(KEY, source(b"hello"))
    again = source(b"hello")
    blobs.put(KEY, again)
    assert whole(blobs, KEY) == b"hello"
    assert not again.exists()


@pytest.mark.parametrize(
    ("start", "end"), [(0, 5), (5, 5), (3, None), (MIB - 1, MIB + 1), (0, 2 * MIB), (2 * MIB, None)]
)
def test_a_part_is_read(blobs: BlobStore, source: Source, start: int, end: int | None) -> None:
    data = os.urandom(2 * MIB)
    blobs.put(KEY, source(data))
    assert whole(blobs, KEY, start, end) == data[start:end]


def test_pieces_are_at_most_a_mebibyte(blobs: BlobStore, source: Source) -> None:
    blobs.put(KEY, source(bytes(3 * MIB)))
    assert max(len(piece) for piece in blobs.read(KEY)) <= MIB


def test_an_absent_key_has_no_size_and_is_corrupt_to_read(blobs: BlobStore) -> None:
    assert blobs.size(KEY) is None
    with pytest.raises(Corrupt):
        whole(blobs, KEY)


def test_reading_past_the_end_is_corrupt_and_never_short(blobs: BlobStore) -> None:
    blobs.put_bytes(KEY, b"hello")
    with pytest.raises(Corrupt):
        whole(blobs, KEY, 0, 6)


def test_deleting_is_idempotent(blobs: BlobStore) -> None:
    blobs.put_bytes(KEY, b"hello")
    blobs.delete(KEY)
    blobs.delete(KEY)
    assert blobs.size(KEY) is None


def test_a_reader_that_has_begun_may_finish(blobs: BlobStore, source: Source) -> None:
    data = os.urandom(2 * MIB)
    blobs.put(KEY, source(data))
    reader = blobs.read(KEY)
    first = next(reader)
    blobs.delete(KEY)
    assert first + b"".join(reader) == data


def test_a_deleted_key_can_be_put_again(blobs: BlobStore) -> None:
    blobs.put_bytes(KEY, b"hello")
    blobs.delete(KEY)
    blobs.put_bytes(KEY, b"hello")
    assert whole(blobs, KEY) == b"hello"


def test_keys_below_a_prefix(blobs: BlobStore) -> None:
    keys = {blob_key("ab" * 32), blob_key("cd" * 32), xorb_key("ef" * 32), shard_key("01" * 32)}
    for key in keys:
        blobs.put_bytes(key, b"x")
    assert listed(blobs, "blobs") == {key for key in keys if key.startswith("blobs/")}
    assert listed(blobs, "xet") == {key for key in keys if key.startswith("xet/")}
    assert listed(blobs, "xet/xorbs") == {xorb_key("ef" * 32)}
    assert listed(blobs, "xet/xo") == set(), "a prefix is whole folders"
    assert list(blobs.list("nothing")) == []


def test_a_listing_tells_sizes_and_times(blobs: BlobStore) -> None:
    before = time.time_ns() // 1_000_000 - 5_000
    blobs.put_bytes(KEY, b"hello")
    (found,) = blobs.list("blobs")
    assert (found.key, found.size) == (KEY, 5)
    assert before < found.modified_at < before + 60_000


def test_what_is_moved_lies_elsewhere(blobs: BlobStore) -> None:
    blobs.put_bytes(KEY, b"hello")
    blobs.move(KEY, f"quarantine/{KEY}")
    assert blobs.size(KEY) is None
    assert whole(blobs, f"quarantine/{KEY}") == b"hello"
    blobs.move(KEY, f"quarantine/{KEY}")
    assert whole(blobs, f"quarantine/{KEY}") == b"hello", "moving what is gone changes nothing"


# --- what only a disk has to promise --------------------------------------------------------------------------------


@pytest.fixture
def local(folder: Path) -> LocalBlobs:
    return LocalBlobs(folder)


def test_the_path_holds_exactly_the_bytes(local: LocalBlobs) -> None:
    local.put_bytes(KEY, b"hello")
    assert isinstance(local, HasPaths)
    assert local.path(KEY).read_bytes() == b"hello"


def test_a_blob_that_lost_its_end_is_mended_by_putting_it_again(local: LocalBlobs, source: Source) -> None:
    local.put(KEY, source(b"hello"))
    os.truncate(local.path(KEY), 2)
    local.put(KEY, source(b"hello"))
    assert whole(local, KEY) == b"hello"


def test_folders_may_go_away_between_two_puts(local: LocalBlobs) -> None:
    local.put_bytes(KEY, b"hello")
    local.delete(KEY)
    local.path(KEY).parent.rmdir()
    local.put_bytes(KEY, b"hello")
    assert whole(local, KEY) == b"hello"


def test_bytes_folder_and_parents_are_synced_before_put_returns(
    local: LocalBlobs, source: Source, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I1: file, then name, then every folder that gained a name."""
    steps = list[str]()
    real = {"fdatasync": os.fdatasync, "fsync": os.fsync, "replace": os.replace}

    def name_of(descriptor: int) -> str:
        return os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), folder)

    monkeypatch.setattr(os, "fdatasync", lambda fd: (steps.append("bytes"), real["fdatasync"](fd)))
    monkeypatch.setattr(os, "fsync", lambda fd: (steps.append(f"folder {name_of(fd)}"), real["fsync"](fd)))
    monkeypatch.setattr(os, "rename", lambda *_: pytest.fail("rename would not replace"))
    replaced = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, target: (steps.append("name"), replaced(path, target))[1])
    local.put(KEY, source(b"hello"))
    assert steps[0] == "bytes"
    assert steps[-2:] == ["name", "folder blobs/ab/ab"]
    assert {"folder .", "folder blobs", "folder blobs/ab"} <= set(steps)


@pytest.mark.parametrize(("number", "expected"), [(errno.ENOSPC, OutOfSpace), (errno.EIO, Unavailable)])
def test_a_failing_disk_is_said_in_our_words_and_leaves_nothing(
    local: LocalBlobs, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number), str(folder))

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(expected) as caught:
        local.put_bytes(KEY, b"hello")
    assert str(folder) not in str(caught.value), "no path of the server leaves it"
    assert local.size(KEY) is None
    assert list((folder / "incoming").iterdir()) == []


def test_a_disk_that_cannot_say_is_not_an_absent_blob(local: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "stat", fail)
    with pytest.raises(Unavailable):
        local.size(KEY)
    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(Unavailable):
        whole(local, KEY)
