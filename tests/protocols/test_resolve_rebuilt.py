"""A file kept as chunks is put together once, and read as a file from then on (architecture.md section 4)."""

import os
import re
import time
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi

from tests.hub import Account, Hub
from tests.local import sha256_of

SIZE = 3_000_000


@pytest.fixture
def url(hub: Hub, ada: Account, data: bytes) -> str:
    repo = f"{ada.name}/{hub.name('repo')}"
    api = HfApi(endpoint=hub.endpoint, token=ada.token)
    api.create_repo(repo)
    api.upload_file(path_or_fileobj=data, path_in_repo="model.safetensors", repo_id=repo)
    return f"{hub.endpoint}/{repo}/resolve/main/model.safetensors"


@pytest.fixture
def data() -> bytes:
    return os.urandom(SIZE)


@pytest.fixture
def rebuilt(hub: Hub, data: bytes) -> Path:
    return hub.data_dir / "cache" / "files" / sha256_of(data)


def wait_for(path: Path) -> None:
    for _ in range(1000):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path.name} was not rebuilt")


def test_the_second_get_is_a_file_read(hub: Hub, url: str, data: bytes, rebuilt: Path) -> None:
    first = httpx.get(url)
    wait_for(rebuilt)
    assert rebuilt.read_bytes() == data
    for xorb in (hub.data_dir / "xet" / "xorbs").glob("*/*"):
        xorb.rename(xorb.with_suffix(".away"))
    try:
        second = httpx.get(url)
        part = httpx.get(url, headers={"Range": "bytes=1000000-1999999"})
    finally:
        for xorb in (hub.data_dir / "xet" / "xorbs").glob("*/*.away"):
            xorb.rename(xorb.with_suffix(""))
    assert first.content == second.content == data
    assert (part.status_code, part.content) == (206, data[1_000_000:2_000_000])
    volatile = re.compile(r"date|x-request-id")
    kept = [{k: v for k, v in answer.headers.items() if not volatile.match(k)} for answer in (first, second)]
    assert kept[0] == kept[1]


def test_ranges_of_a_file_together_make_it_be_rebuilt(url: str, data: bytes, rebuilt: Path) -> None:
    assert httpx.get(url, headers={"Range": "bytes=0-99999"}).content == data[:100_000]
    assert httpx.head(url).status_code == 200
    assert not rebuilt.exists()
    for start in range(0, SIZE, 500_000):
        asked = {"Range": f"bytes={start}-{start + 499_999}"}
        assert httpx.get(url, headers=asked).content == data[start : start + 500_000]
    wait_for(rebuilt)


def test_what_lies_there_damaged_or_half_done_is_not_served(url: str, data: bytes, rebuilt: Path) -> None:
    assert httpx.get(url).content == data
    wait_for(rebuilt)
    os.truncate(rebuilt, SIZE // 2)
    rebuilt.with_suffix(".part").write_bytes(data[:1000])
    assert httpx.get(url).content == data
    wait_for(rebuilt)
    assert rebuilt.read_bytes() == data


def test_a_reader_goes_on_when_its_file_is_evicted(url: str, data: bytes, rebuilt: Path) -> None:
    assert httpx.get(url).content == data
    wait_for(rebuilt)
    with httpx.stream("GET", url) as answer:
        pieces = answer.iter_bytes(65_536)
        got = next(pieces)
        rebuilt.unlink()
        assert got + b"".join(pieces) == data


def test_without_a_folder_for_it_files_are_streamed(hub: Hub, url: str, data: bytes, rebuilt: Path) -> None:
    """What cannot be rebuilt can be read."""
    folder = rebuilt.parent
    away = folder.with_name("away")
    if folder.exists():
        folder.rename(away)
    folder.write_bytes(b"")
    try:
        assert httpx.get(url).content == data
        assert httpx.get(url).content == data
    finally:
        folder.unlink()
        if away.exists():
            away.rename(folder)
