"""Files kept as chunks, put together on the local disk (`pioche.storage.rebuilt`)."""

import errno
import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pioche.errors import Corrupt, OutOfSpace, Unavailable
from pioche.names import Sha256
from pioche.storage.disk import OpenFile
from pioche.storage.rebuilt import Rebuilt

MIB = 2**20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def cache(folder: Path) -> Rebuilt:
    return Rebuilt(folder, 10 * MIB)


def named(data: bytes) -> Sha256:
    return Sha256(hashlib.sha256(data).hexdigest())


def pieces(data: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: (data[at : at + 1000] for at in range(0, len(data), 1000))


def build(cache: Rebuilt, data: bytes) -> bool:
    return cache.build(named(data), len(data), pieces(data))


def content_of(file: OpenFile | None) -> bytes | None:
    return None if file is None else os.pread(file.descriptor, file.size, 0)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_a_file_is_there_once_it_was_built(cache: Rebuilt, folder: Path) -> None:
    data = os.urandom(12_345)
    assert cache.open(named(data), len(data)) is None
    assert build(cache, data)
    assert content_of(cache.open(named(data), len(data))) == data
    assert names(folder) == {named(data)}
    assert build(cache, data)  # it is there already


def test_bytes_that_are_not_the_files_are_never_there(cache: Rebuilt, folder: Path) -> None:
    data = os.urandom(5000)
    for wrong in (data[:-1] + bytes([data[-1] ^ 1]), data[:-1], data + b"?"):
        with pytest.raises(Corrupt):
            cache.build(named(data), len(data), pieces(wrong))
        assert cache.open(named(data), len(data)) is None
    assert names(folder) == set()


def test_a_file_that_lost_its_end_is_not_served(cache: Rebuilt, folder: Path) -> None:
    data = os.urandom(5000)
    build(cache, data)
    os.truncate(folder / named(data), 4000)
    assert cache.open(named(data), len(data)) is None
    assert build(cache, data)
    assert content_of(cache.open(named(data), len(data))) == data


def test_what_a_killed_process_left_is_not_served_and_goes(cache: Rebuilt, folder: Path) -> None:
    data, other = os.urandom(5000), os.urandom(100)
    folder.mkdir()
    (folder / f"{named(data)}.part").write_bytes(data[:2500])
    assert cache.open(named(data), len(data)) is None
    build(cache, other)
    assert names(folder) == {named(other)}
    (folder / f"{named(data)}.part").write_bytes(data[:2500] + bytes(9000))
    assert build(cache, data)
    assert content_of(cache.open(named(data), len(data))) == data


def test_what_was_used_last_stays_and_readers_are_not_cut(cache: Rebuilt, folder: Path) -> None:
    first, second, third = (os.urandom(4 * MIB) for _ in range(3))
    for age, data in ((200, first), (30, second)):
        build(cache, data)
        os.utime(folder / named(data), (0, int(time.time()) - age))
    reader = cache.open(named(second), len(second))  # used half a minute ago: too lately for a new time
    assert cache.open(named(first), len(first)) is not None  # used now
    build(cache, third)
    assert names(folder) == {named(first), named(third)}
    assert content_of(reader) == second


def test_a_reader_closes_what_it_held(cache: Rebuilt) -> None:
    build(cache, b"bytes")
    reader = cache.open(named(b"bytes"), 5)
    assert reader is not None
    descriptor = reader.descriptor
    del reader
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_one_process_builds_a_file(cache: Rebuilt, folder: Path) -> None:
    """Two caches over one folder are two processes."""
    data, other = os.urandom(50_000), Rebuilt(folder, 10 * MIB)
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        begun.set()
        assert go_on.wait(10)
        yield data

    builder = threading.Thread(target=cache.build, args=(named(data), len(data), slowly))
    builder.start()
    assert begun.wait(10)
    assert not build(other, data)
    assert other.open(named(data), len(data)) is None
    assert build(other, b"another")  # nor does room for it take away what is being built
    go_on.set()
    builder.join()
    assert content_of(other.open(named(data), len(data))) == data


def test_room_is_counted_with_what_is_being_built(cache: Rebuilt, folder: Path) -> None:
    folder.mkdir()
    with (folder / f"{named(b'?')}.part").open("wb") as part:  # another process has taken 8 MiB
        fcntl.flock(part, fcntl.LOCK_EX)
        part.truncate(8 * MIB)
        assert not build(cache, os.urandom(3 * MIB))
        assert build(cache, os.urandom(1 * MIB))


def test_a_full_disk_leaves_nothing_behind(cache: Rebuilt, folder: Path) -> None:
    def full() -> Iterator[bytes]:
        yield b"12345"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutOfSpace):
        cache.build(named(b"1234567890"), 10, full)
    assert names(folder) == set()


def test_a_disk_that_fails_is_not_an_absent_file(cache: Rebuilt, folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_bytes(b"")  # where a folder should be
    with pytest.raises(Unavailable):
        build(cache, b"12345")


def test_the_last_of_a_disk_is_left_alone(cache: Rebuilt, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.statvfs(folder.parent)
    nearly_full = os.statvfs_result((*status[:4], status.f_blocks // 20, *status[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _path: nearly_full)
    assert not build(cache, b"12345")
    assert names(folder) == set()


def test_half_of_a_file_asked_for_makes_it_be_rebuilt(cache: Rebuilt) -> None:
    data = os.urandom(100_000)
    sha256 = named(data)
    for _ in range(4):
        cache.asked(sha256, len(data), 10_000, pieces(data))
    assert cache.open(sha256, len(data)) is None
    cache.asked(sha256, len(data), 10_000, pieces(data))
    assert content_of(soon(lambda: cache.open(sha256, len(data)))) == data


def test_one_that_cannot_be_built_does_not_stop_the_next(cache: Rebuilt) -> None:
    def damaged() -> Iterator[bytes]:
        raise Corrupt("A stored chunk does not match its hash")
        yield b""

    data = os.urandom(10_000)
    cache.asked(named(b"?"), 1, 1, damaged)
    cache.asked(named(data), len(data), len(data), pieces(data))
    assert content_of(soon(lambda: cache.open(named(data), len(data)))) == data


def test_nothing_is_kept_without_room_for_it(folder: Path) -> None:
    data = os.urandom(1000)
    for size in (0, 999):
        cache = Rebuilt(folder, size)
        cache.asked(named(data), len(data), len(data), pieces(data))
        assert cache.open(named(data), len(data)) is None
        assert not folder.exists()


def soon(find: Callable[[], OpenFile | None]) -> OpenFile | None:
    for _ in range(1000):
        if (found := find()) is not None:
            return found
        time.sleep(0.01)
    return None
