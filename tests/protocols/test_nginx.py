"""Behind nginx with the sample configuration: the hub checks rights, nginx sends the files (the setting `accel`)."""

import hashlib
import json
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path

import httpx
import pytest

from tests import nginx
from tests.hub import Account, Hub

pytestmark = pytest.mark.skipif(nginx.PROGRAM is None, reason="nginx is not installed")

DATA = b"0123456789abcdef" * 20_000
NAMES_OF_THE_WAY = {"date", "server", "connection", "transfer-encoding", "content-length", "x-request-id", "keep-alive"}
_LFS = "application/vnd.git-lfs+json"


@dataclass(frozen=True)
class Front:
    """A hub, nginx before it, and a private repo with one large file."""

    hub: Hub
    ada: Account
    client: httpx.Client
    direct: httpx.Client
    path: str


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    settings = {"ACCEL": "/_pioche", "TRUSTED_PROXIES": "127.0.0.1"}
    with Hub(folder, settings) as hub, nginx.running(folder / "nginx", hub.data_dir, [hub.port]) as address:
        ada = hub.user("ada")
        context = ssl.create_default_context(cafile=str(folder / "nginx" / "cert.pem"))
        with (
            httpx.Client(base_url=address, headers=ada.bearer, verify=context, timeout=60) as client,
            httpx.Client(base_url=hub.endpoint, headers=ada.bearer) as direct,
        ):
            made = client.post("/api/repos/create", json={"name": "words", "type": "model", "private": True})
            assert made.status_code == 200, made.text
            upload(client, DATA)
            yield Front(hub, ada, client, direct, "/ada/words/resolve/main/large.bin")


def upload(client: httpx.Client, data: bytes) -> None:
    sha256 = hashlib.sha256(data).hexdigest()
    body = {"operation": "upload", "objects": [{"oid": sha256, "size": len(data)}]}
    headers = {"accept": _LFS, "content-type": _LFS}
    (found,) = client.post("/ada/words.git/info/lfs/objects/batch", json=body, headers=headers).json()["objects"]
    href = found["actions"]["upload"]["href"]
    assert href.startswith(f"https://localhost:{client.base_url.port}/"), "by the address that the client used"
    assert client.put(href, content=data, headers={"authorization": ""}).status_code == 200
    lines = [
        {"key": "header", "value": {"summary": "x"}},
        {"key": "lfsFile", "value": {"path": "large.bin", "algo": "sha256", "oid": sha256, "size": len(data)}},
    ]
    content = b"\n".join(json.dumps(line).encode() for line in lines)
    headers = {"content-type": "application/x-ndjson"}
    assert client.post("/api/models/ada/words/commit/main", content=content, headers=headers).status_code == 200


def test_nginx_sends_the_file_and_the_hub_says_what_it_is(front: Front) -> None:
    there = front.direct.get(front.path)
    here = front.client.get(front.path)
    assert (here.status_code, here.content) == (200, DATA)
    assert here.headers["server"].startswith("nginx")
    assert _labels(here) == _labels(there)
    assert here.headers["etag"] == f'"{hashlib.sha256(DATA).hexdigest()}"'
    assert "x-accel-redirect" not in here.headers


def _labels(answer: httpx.Response) -> dict[str, str]:
    """All that the answer says of the file."""
    return {name: value for name, value in answer.headers.items() if name not in NAMES_OF_THE_WAY}


def test_it_was_nginx_and_only_for_a_proxy_that_says_for_whom_it_asks(front: Front) -> None:
    asked = front.direct.get(front.path, headers={"x-forwarded-for": "192.0.2.1"})
    sha256 = hashlib.sha256(DATA).hexdigest()
    assert asked.headers["x-accel-redirect"] == f"/_pioche/blobs/{sha256[:2]}/{sha256[2:4]}/{sha256}"
    assert asked.content == b""
    direct = front.direct.get(front.path)
    assert "x-accel-redirect" not in direct.headers
    assert direct.content == DATA


@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [
        ("bytes=0-0", 206, DATA[:1]),
        ("bytes=100-65535", 206, DATA[100:65536]),
        ("bytes=-7", 206, DATA[-7:]),
        ("bytes=319990-", 206, DATA[319990:]),
        ("bytes=400000-", 416, None),
    ],
)
def test_ranges(front: Front, wanted: str, status: int, body: bytes | None) -> None:
    answer = front.client.get(front.path, headers={"range": wanted})
    assert answer.status_code == status
    assert body is None or answer.content == body


def test_several_ranges_and_conditions(front: Front) -> None:
    etag = f'"{hashlib.sha256(DATA).hexdigest()}"'
    several = front.client.get(front.path, headers={"range": "bytes=0-3,10-13"})
    assert several.status_code == 206
    assert several.headers["content-type"].startswith("multipart/byteranges")
    assert several.content.count(b"0123") == 1
    assert front.client.get(front.path, headers={"if-none-match": etag}).status_code == 304
    same = front.client.get(front.path, headers={"range": "bytes=5-9", "if-range": etag})
    assert (same.status_code, same.content) == (206, DATA[5:10])
    other = front.client.get(front.path, headers={"range": "bytes=5-9", "if-range": '"other"'})
    assert (other.status_code, other.content) == (200, DATA)
    head = front.client.head(front.path)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(DATA)))


def test_rights_are_the_hubs_and_the_folder_is_closed(front: Front) -> None:
    sha256 = hashlib.sha256(DATA).hexdigest()
    stranger = {"authorization": "Bearer hf_" + "x" * 34}
    assert front.client.get(front.path, headers=stranger).status_code == 401
    for place in (f"/_pioche/blobs/{sha256[:2]}/{sha256[2:4]}/{sha256}", "/_pioche/pioche.db", "/_pioche/../pioche.db"):
        assert front.client.get(place).status_code == 404, place


def test_bodies_are_streamed_and_a_xorb_that_is_too_large_is_not_read(front: Front) -> None:
    grant = front.client.get("/api/models/ada/words/xet-write-token/main").json()
    url = httpx.URL(f"{grant['casUrl']}/v1/xorbs/default/{'0' * 64}")
    context = ssl.create_default_context(cafile=str(front.hub.data_dir.parent / "nginx" / "cert.pem"))
    with closing(HTTPSConnection("localhost", url.port, context=context, timeout=30)) as connection:
        connection.putrequest("POST", url.path)
        connection.putheader("Authorization", f"Bearer {grant['accessToken']}")
        connection.putheader("Content-Length", "67174401")
        connection.endheaders()
        assert connection.getresponse().status == 413, "before a byte of the body was sent"


def test_names_reach_the_hub_as_the_client_wrote_them(front: Front) -> None:
    lines = [
        {"key": "header", "value": {"summary": "x"}},
        {"key": "file", "value": {"path": "a b/ü%2F.txt", "content": "eA==", "encoding": "base64"}},
    ]
    content = b"\n".join(json.dumps(line).encode() for line in lines)
    made = front.client.post(
        "/api/models/ada/words/commit/main", content=content, headers={"content-type": "application/x-ndjson"}
    )
    assert made.status_code == 200, made.text
    found = front.client.get("/ada/words/resolve/main/a%20b/%C3%BC%252F.txt")
    assert (found.status_code, found.content) == (200, b"x")


def test_plain_http_leads_to_https(front: Front, tmp_path: Path) -> None:
    text = (front.hub.data_dir.parent / "nginx" / "pioche.conf").read_text()
    port = int(text.split("listen 127.0.0.1:")[1].split(";")[0])
    answer = httpx.get(f"http://localhost:{port}/ada/words?a=b")
    assert (answer.status_code, answer.headers["location"]) == (301, "https://localhost/ada/words?a=b")
