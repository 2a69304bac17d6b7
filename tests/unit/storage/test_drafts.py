"""Files on their way in."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from pioche.errors import ContentMismatch, OutOfSpace
from pioche.storage import direct
from pioche.storage.drafts import Draft


def test_bytes_are_written_and_hashed(tmp_path: Path) -> None:
    pieces = [os.urandom(size) for size in (1, 0, 100_000, 17)] * 600
    data = b"".join(pieces)
    with Draft(tmp_path, size=len(data)) as draft:
        draft.write(pieces[:1000])
        draft.write(pieces[1000:])
        assert draft.finish() == hashlib.sha256(data).hexdigest()
        assert draft.path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [], "nobody took it over"


def test_a_large_file_goes_past_the_page_cache(tmp_path: Path) -> None:
    data = os.urandom(direct.BYTES_MIN + 12_345)
    with Draft(tmp_path, size=len(data)) as draft:
        draft.write([data[:100], data[100:3_000_000]])
        draft.write([data[3_000_000:]])
        assert draft.finish() == hashlib.sha256(data).hexdigest()
        assert draft.path.read_bytes() == data


def test_a_large_file_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", fail)
    for size in (1, direct.BYTES_MIN):  # a block is full, or the end is there
        with pytest.raises(OutOfSpace), Draft(tmp_path, size=direct.BYTES_MIN) as draft:  # noqa: PT012 - either may say it
            draft.write([bytes(size), bytes(direct.BYTES_MIN - size)])
            draft.finish()
    assert list(tmp_path.iterdir()) == []


def test_who_takes_it_over_keeps_it(tmp_path: Path) -> None:
    with Draft(tmp_path, size=5) as draft:
        draft.write([b"hello"])
        draft.finish()
        draft.path.rename(tmp_path / "kept")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_an_empty_file(tmp_path: Path) -> None:
    with Draft(tmp_path, size=0) as draft:
        assert draft.finish() == hashlib.sha256().hexdigest()
        assert draft.path.read_bytes() == b""


@pytest.mark.parametrize("data", [b"hell", b"hello!", b""])
def test_more_or_fewer_bytes_than_announced(tmp_path: Path, data: bytes) -> None:
    with Draft(tmp_path, size=5) as draft, pytest.raises(ContentMismatch, match="5"):  # noqa: PT012 - either may say it
        draft.write([data])
        draft.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "writev", fail)
    with pytest.raises(OutOfSpace), Draft(tmp_path, size=5) as draft:
        draft.write([b"hello"])
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_a_little_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.writev
    monkeypatch.setattr(os, "writev", lambda fd, vectors: whole(fd, [vectors[0][:3]]))
    with Draft(tmp_path, size=26) as draft:
        draft.write([b"abcdefghij", b"klmnopqrst", b"uvwxyz"])
        draft.finish()
        assert draft.path.read_bytes() == b"abcdefghijklmnopqrstuvwxyz"
