"""Plain HTTP over files that came by Xet and are kept as chunks: curl and browsers get the same bytes."""

import os
import re
from typing import NamedTuple

import httpx
import pytest
from huggingface_hub import HfApi

from tests.hub import Account, Hub
from tests.local import sha256_of


class Published(NamedTuple):
    repo: str
    url: str
    data: bytes


@pytest.fixture(scope="module")
def published(hub: Hub, ada: Account) -> Published:
    repo, data = f"{ada.name}/{hub.name('repo')}", os.urandom(3_000_000)
    api = HfApi(endpoint=hub.endpoint, token=ada.token)
    api.create_repo(repo)
    api.upload_file(path_or_fileobj=data, path_in_repo="model.safetensors", repo_id=repo)
    return Published(repo, f"{hub.endpoint}/{repo}/resolve/main/model.safetensors", data)


def test_head_says_how_to_get_it_by_xet(hub: Hub, published: Published) -> None:
    answer = httpx.head(published.url)
    etag = f'"{sha256_of(published.data)}"'
    assert answer.status_code == 200
    assert (answer.headers["etag"], answer.headers["x-linked-etag"]) == (etag, etag)
    assert answer.headers["x-linked-size"] == answer.headers["content-length"] == "3000000"
    xet_hash, commit = answer.headers["x-xet-hash"], answer.headers["x-repo-commit"]
    assert re.fullmatch("[0-9a-f]{64}", xet_hash)
    links = answer.links
    token = f"{hub.endpoint}/api/models/{published.repo}/xet-read-token/{commit}"
    assert links["xet-auth"]["url"] == token
    cas_url = httpx.get(token).json()["casUrl"]
    plan = links["xet-reconstruction-info"]["url"]
    assert plan == f"{cas_url}/v1/reconstructions/{xet_hash}"
    bearer = {"Authorization": f"Bearer {httpx.get(token).json()['accessToken']}"}
    assert httpx.get(plan, headers=bearer).status_code == 200


def test_the_bytes_whole_and_in_parts(published: Published) -> None:
    assert httpx.get(published.url).content == published.data
    for asked, part in (
        ("0-99", published.data[:100]),
        ("1500000-1600000", published.data[1_500_000:1_600_001]),
        ("-7", published.data[-7:]),
        ("2999990-", published.data[2_999_990:]),
    ):
        answer = httpx.get(published.url, headers={"Range": f"bytes={asked}"})
        assert (answer.status_code, answer.content) == (206, part)
    several = httpx.get(published.url, headers={"Range": "bytes=0-9,2000000-2000009"})
    assert several.status_code == 206
    assert published.data[:10] in several.content
    assert published.data[2_000_000:2_000_010] in several.content
    assert httpx.get(published.url, headers={"Range": "bytes=3000000-"}).status_code == 416


def test_raw_is_the_pointer(published: Published) -> None:
    answer = httpx.get(published.url.replace("/resolve/", "/raw/"))
    assert f"oid sha256:{sha256_of(published.data)}\nsize 3000000" in answer.text


def test_a_damaged_chunk_is_never_a_200(hub: Hub, ada: Account) -> None:
    repo, data = f"{ada.name}/{hub.name('repo')}", os.urandom(500_000)
    api = HfApi(endpoint=hub.endpoint, token=ada.token)
    api.create_repo(repo)
    before = set((hub.data_dir / "xet" / "xorbs").rglob("*"))
    api.upload_file(path_or_fileobj=data, path_in_repo="model.bin", repo_id=repo)
    (xorb,) = [path for path in set((hub.data_dir / "xet" / "xorbs").rglob("*")) - before if path.is_file()]
    url = f"{hub.endpoint}/{repo}/resolve/main/model.bin"
    # A small part: a file that was read whole is kept put together, and then its chunks are not needed.
    assert httpx.get(url, headers={"Range": "bytes=0-99"}).content == data[:100]
    xorb.unlink()
    answer = httpx.get(url)
    assert (answer.status_code, answer.headers["x-error-code"]) == (500, "Corrupt")
