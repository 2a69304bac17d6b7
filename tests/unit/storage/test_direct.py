"""Writing past the page cache: the same bytes arrive, whatever the disk can do."""

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pioche.storage import direct
from pioche.storage.direct import ALIGNMENT, DirectWriter

MIB = 2**20


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield opened
    os.close(opened)


@pytest.mark.parametrize(
    "sizes",
    [[], [1], [MIB], [MIB + 1], [3 * MIB, 5], [700_000] * 5, [ALIGNMENT] * 3, [0, 17, 0]],
    ids=lambda sizes: "+".join(map(str, sizes)) or "nothing",
)
def test_what_is_written_is_there(descriptor: int, sizes: list[int]) -> None:
    pieces = [os.urandom(size) for size in sizes]
    writer = DirectWriter(descriptor)
    writer.write(pieces[:1])
    writer.write(pieces[1:])
    writer.flush()
    assert _content(descriptor) == b"".join(pieces)


def test_a_place_in_the_middle(descriptor: int) -> None:
    os.pwrite(descriptor, b"a" * 3 * MIB, 0)
    data = os.urandom(MIB + 5000)
    writer = DirectWriter(descriptor, MIB)
    writer.write([data])
    writer.flush()
    assert _content(descriptor) == b"a" * MIB + data + b"a" * (MIB - 5000)


def test_a_file_system_that_always_has_a_cache(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some say so when the file is opened so, some at the first write."""
    whole, flags = os.pwrite, []

    def refuse(fd: int, data: Any, position: int) -> int:
        flags.append(bool(_flags(fd) & os.O_DIRECT))
        if flags[-1]:
            raise OSError(errno.EINVAL, "Invalid argument")
        return whole(fd, data, position)

    monkeypatch.setattr(os, "pwrite", refuse)
    data = os.urandom(2 * MIB + 1)
    writer = DirectWriter(descriptor)
    writer.write([data])
    writer.flush()
    assert _content(descriptor) == data
    assert flags[1:] == [False] * (len(flags) - 1), "it is asked once"


def test_a_disk_that_takes_a_little_at_a_time(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left then begins where no direct write may: it goes through the cache."""
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: whole(fd, data[:70_000] if at else data[:4096], at))
    data = os.urandom(MIB + 100)
    writer = DirectWriter(descriptor)
    writer.write([data])
    writer.flush()
    assert _content(descriptor) == data


def test_a_full_disk_says_so(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", fail)
    writer = DirectWriter(descriptor)
    with pytest.raises(OSError, match="No space left"):
        writer.write([bytes(MIB)])


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 0), (0, 3 * MIB + 5), (1, 2), (ALIGNMENT, 2 * ALIGNMENT), (MIB - 1, 2 * MIB + 1), (3 * MIB, 3 * MIB + 5)],
)
def test_what_is_read_is_what_was_written(descriptor: int, start: int, end: int) -> None:
    data = os.urandom(3 * MIB + 5)
    os.pwrite(descriptor, data, 0)
    assert b"".join(direct.read(descriptor, start, end)) == data[start:end]


def test_a_file_that_ends_early_is_read_to_its_end(descriptor: int) -> None:
    data = os.urandom(2 * MIB + 77)
    os.pwrite(descriptor, data, 0)
    assert b"".join(direct.read(descriptor, MIB + 1, 5 * MIB)) == data[MIB + 1 :]
    assert list(direct.read(descriptor, 3 * MIB + 1, 5 * MIB)) == []


def test_reading_where_there_always_is_a_cache(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, flags = os.preadv, []

    def refuse(fd: int, blocks: Any, position: int) -> int:
        flags.append(bool(_flags(fd) & os.O_DIRECT))
        if flags[-1]:
            raise OSError(errno.EINVAL, "Invalid argument")
        return whole(fd, blocks, position)

    data = os.urandom(2 * MIB + 1)
    os.pwrite(descriptor, data, 0)
    monkeypatch.setattr(os, "preadv", refuse)
    assert b"".join(direct.read(descriptor, 7, len(data))) == data[7:]
    assert flags[1:] == [False] * (len(flags) - 1), "it is asked once"


def _flags(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_GETFL)


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, 10 * MIB, 0)
