"""Pages of a hub whose large files are in an object store, to which downloads are redirected: pictures and sound show."""

import hashlib
import io
import json
import struct
import wave
import zlib
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from tests import publishing
from tests.hub import Account, Hub
from tests.objectstore import ObjectStore
from tests.web.visits import Visits


@pytest.fixture(scope="module")
def hub(object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    settings = {key.upper(): value for key, value in object_store.settings().items()}
    with Hub(tmp_path_factory.mktemp("redirects"), settings) as hub:
        yield hub


def picture() -> bytes:
    """A PNG of 3 by 2 grey pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"\0\x80\x80\x80" * 2
    head = struct.pack(">IIBBBBB", 3, 2, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def sound() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes(bytes(16_000))
    return out.getvalue()


def large(client: httpx.Client, name: str, files: dict[str, bytes]) -> None:
    """Commits files as large ones, each sent by LFS in one part."""
    lines: list[dict[str, object]] = [{"key": "header", "value": {"summary": "Large"}}]
    for path, data in files.items():
        oid = hashlib.sha256(data).hexdigest()
        objects = [{"oid": oid, "size": len(data)}]
        asked = {"operation": "upload", "transfers": ["basic"], "objects": objects}
        kind = "application/vnd.git-lfs+json"
        told = client.post(f"/{name}.git/info/lfs/objects/batch", json=asked, headers={"accept": kind}).json()
        upload = told["objects"][0]["actions"]["upload"]
        client.put(upload["href"], content=data, headers=upload.get("header", {})).raise_for_status()
        value = {"path": path, "algo": "sha256", "oid": oid, "size": len(data)}
        lines.append({"key": "lfsFile", "value": value})
    payload = "\n".join(json.dumps(line) for line in lines)
    headers = {"content-type": "application/x-ndjson"}
    client.post(f"/api/models/{name}/commit/main", content=payload, headers=headers).raise_for_status()


def test_g12_pictures_and_sound_that_the_store_gives_pass_the_policy(
    hub: Hub, browser: Browser, object_store: ObjectStore
) -> None:
    ada: Account = hub.user("ada")
    with httpx.Client(base_url=hub.endpoint, headers=ada.bearer, timeout=60) as client:
        publishing.create(client, "ada/seen")
        publishing.commit(client, "ada/seen", {"README.md": "# Seen\n\n![a chart](chart.png)\n"})
        large(client, "ada/seen", {"chart.png": picture(), "voice.wav": sound()})
    visits = Visits(browser, hub)
    shown = "Promise.all([...document.querySelectorAll('main img')].map((i) => i.decode().then(() => i.naturalWidth)))"
    assert visits("/ada/seen").evaluate(shown) == [3]
    assert visits("/ada/seen/blob/main/chart.png").evaluate(shown) == [3]
    page = visits("/ada/seen/blob/main/voice.wav")
    page.wait_for_function("document.querySelector('audio').duration === 1")
    elsewhere = f"request to another host: {object_store.endpoint}/"
    assert any(fault.startswith(elsewhere) for fault in visits.guard.faults)  # or this would show nothing
    visits.guard.faults = [fault for fault in visits.guard.faults if not fault.startswith(elsewhere)]
    visits.close()
