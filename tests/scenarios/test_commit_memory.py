"""A commit call may have a gigabyte: the process that takes it stays as small as it is."""

import base64
import hashlib
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from tests.hub import Hub
from tests.sender import Sender, fsck

MIB = 2**20
FILES, SIZE = 8, 8 * MIB
GROWTH_MAX = 64 * MIB


def body() -> Iterator[bytes]:
    yield json.dumps({"key": "header", "value": {"summary": "large"}}).encode() + b"\n"
    for number in range(FILES):
        content = base64.b64encode(random.Random(number).randbytes(SIZE)).decode()
        value = {"path": f"{number}.bin", "content": content, "encoding": "base64"}
        yield json.dumps({"key": "file", "value": value}).encode() + b"\n"
    for number in range(500):
        value = {"path": f"small/{number}.txt", "content": f"{number}\n", "encoding": "utf-8"}
        yield json.dumps({"key": "file", "value": value}).encode() + b"\n"


def peak_bytes(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def test_a_commit_of_64_mib_of_files_does_not_grow_the_process(tmp_path: Path) -> None:
    with Hub(tmp_path) as hub, Sender(hub, hub.user("ada"), "ada/large") as ada:
        ada.create().raise_for_status()
        ada.commit({"first.txt": b"1" * MIB}).raise_for_status()  # what it loads for a commit is loaded
        [web] = [pid for pid in hub.children() if hub.children()[pid] == "web"]
        before = peak_bytes(web)
        headers = {"content-type": "application/x-ndjson"}
        answer = ada.http.post("/api/models/ada/large/commit/main", content=body(), headers=headers)
        assert answer.status_code == 200, answer.text
        assert peak_bytes(web) - before < GROWTH_MAX
        for number in (0, FILES - 1):
            found = hashlib.sha256(ada.get(f"{number}.bin").content).digest()
            assert found == hashlib.sha256(random.Random(number).randbytes(SIZE)).digest()
        assert ada.get("small/499.txt").content == b"499\n"
        assert not [path for path in (hub.data_dir / "incoming").iterdir() if path.name.startswith("spool")]
        fsck(ada, tmp_path / "mirror")
