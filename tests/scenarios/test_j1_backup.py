"""J1: a backup under write load holds every commit acknowledged before it began; killed at any moment, it is run again."""

import base64
import hashlib
import itertools
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from pioche.storage.xet.hashing import to_text
from tests.hub import Account, Hub
from tests.xet_client import file_of, shard_of

WRITERS = 3
LFS = "application/vnd.git-lfs+json"


Large = tuple[str, int]
"""A large file's sha256 and size."""


class Client:
    """One client with a repo of its own. Every call that returns was acknowledged."""

    def __init__(self, hub: Hub, owner: Account, repo: str) -> None:
        self._http = httpx.Client(base_url=hub.endpoint, headers=owner.bearer, timeout=60)
        self._repo = repo
        name = repo.partition("/")[2]
        self._ask("POST", "/api/repos/create", json={"name": name, "type": "model", "private": True})

    def close(self) -> None:
        self._http.close()

    def _ask(self, method: str, url: str, **options: Any) -> Any:
        answer = self._http.request(method, url, **options)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def upload(self, data: bytes) -> Large:
        sha256 = hashlib.sha256(data).hexdigest()
        body = {"operation": "upload", "objects": [{"oid": sha256, "size": len(data)}]}
        headers = {"accept": LFS, "content-type": LFS}
        (found,) = self._ask("POST", f"/{self._repo}.git/info/lfs/objects/batch", json=body, headers=headers)["objects"]
        self._ask("PUT", found["actions"]["upload"]["href"], content=data)
        return sha256, len(data)

    def upload_xet(self, data: bytes) -> Large:
        grant = self._ask("GET", f"/api/models/{self._repo}/xet-write-token/main")
        headers = {"authorization": f"Bearer {grant['accessToken']}"}
        file, xorb = file_of(data)
        cas = grant["casUrl"]
        self._ask("POST", f"{cas}/v1/xorbs/default/{to_text(xorb.name)}", content=xorb.body, headers=headers)
        self._ask("POST", f"{cas}/v1/shards", content=shard_of([file], [xorb]), headers=headers)
        return file.sha256, len(data)

    def commit(self, small: dict[str, bytes], large: dict[str, Large]) -> None:
        lines: list[dict[str, Any]] = [{"key": "header", "value": {"summary": "step"}}]
        for path, data in small.items():
            content = base64.b64encode(data).decode()
            lines.append({"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}})
        for path, (sha256, size) in large.items():
            lines.append({"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": sha256, "size": size}})
        body = b"\n".join(json.dumps(line).encode() for line in lines)
        headers = {"content-type": "application/x-ndjson"}
        self._ask("POST", f"/api/models/{self._repo}/commit/main", content=body, headers=headers)


@dataclass
class Writer(threading.Thread):
    """Commits to a repo of its own, small and large files, and notes what was acknowledged: path and sha256."""

    hub: Hub
    owner: Account
    number: int
    acknowledged: dict[str, str] = field(default_factory=dict)
    failed: BaseException | None = None

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.repo = f"{self.owner.name}/written-{self.number}"

    def __hash__(self) -> int:
        return self.number

    def run(self) -> None:
        try:
            with closing(Client(self.hub, self.owner, self.repo)) as client:
                self._write(client)
        except BaseException as error:
            self.failed = error
            raise

    def _write(self, client: Client) -> None:
        for step in itertools.count(1):
            if self.ended.wait(0.1):  # or there is more to download in the end than it tells
                return
            small, whole, chunked = f"{self.repo} {step}".encode(), os.urandom(50_000), os.urandom(50_000)
            large = {f"{step}.bin": client.upload(whole), f"{step}.xet": client.upload_xet(chunked)}
            client.commit({f"{step}.txt": small}, large)
            files = {"txt": small, "bin": whole, "xet": chunked}
            self.acknowledged |= {f"{step}.{end}": hashlib.sha256(data).hexdigest() for end, data in files.items()}


@pytest.fixture
def written(tmp_path: Path) -> Iterator[tuple[Hub, list[Writer]]]:
    """A hub of two web processes and clients that write to it."""
    with Hub(tmp_path / "first", {"WORKERS": "2"}) as hub:
        ada = hub.user("ada")
        writers = [Writer(hub, ada, number) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        until(lambda: all(len(writer.acknowledged) > 6 for writer in writers))
        yield hub, writers
        stop(writers)


def stop(writers: list[Writer]) -> None:
    for writer in writers:
        writer.ended.set()
    for writer in writers:
        writer.join(60)
        assert writer.failed is None, writer.failed


def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def sha256_of(hub: Hub, account: Account, repo: str, path: str) -> str:
    """As a client downloads it."""
    answer = httpx.get(f"{hub.endpoint}/{repo}/resolve/main/{path}", headers=account.bearer)
    return hashlib.sha256(answer.content).hexdigest() if answer.status_code == 200 else f"status {answer.status_code}"


def test_j1_what_was_acknowledged_before_a_backup_began_is_in_it(
    written: tuple[Hub, list[Writer]], tmp_path: Path
) -> None:
    hub, writers = written
    before = {writer: dict(writer.acknowledged) for writer in writers}
    made = hub.cli("backup", str(tmp_path / "backups"))
    stop(writers)
    assert made["damaged"] == []
    later = hub.cli("backup", str(tmp_path / "backups"))
    assert 0 < later["copied_bytes"] < later["bytes"]
    hub.stop()
    box = Hub(tmp_path / "second")
    box.data_dir.mkdir(parents=True)
    restored = box.cli("restore", str(tmp_path / "backups"), "--backup", made["id"])
    assert restored["damaged"] == []
    with box:
        for writer in writers:
            for path, sha256 in writer.acknowledged.items():
                found = sha256_of(box, writer.owner, writer.repo, path)
                assert found == sha256 or (path not in before[writer] and found == "status 404"), (writer.repo, path)


def test_j1_a_backup_and_a_restore_that_were_killed_are_run_again(tmp_path: Path) -> None:
    with Hub(tmp_path / "first") as hub:
        ada = hub.user("ada")
        files = {f"{number}.bin": bytes([number]) * 1000 for number in range(200)}
        with closing(Client(hub, ada, "ada/many")) as client:
            client.commit({}, {path: client.upload(data) for path, data in files.items()})
    destination = tmp_path / "backups"
    seen = 10  # early enough to be noticed before all are there
    kill_when(hub, partial(has_stored, destination, seen), "backup", str(destination))
    assert not list(destination.glob("generations/*")), "it was killed: there is no backup"
    made = hub.cli("backup", str(destination))
    assert made["files"] > 200
    assert 0 < made["copied_files"] <= made["files"] - seen
    assert not list((destination / "incoming").iterdir())

    box = Hub(tmp_path / "second")
    box.data_dir.mkdir(parents=True)
    kill_when(box, partial(has_stored, box.data_dir, seen), "restore", str(destination))
    refused = box.command("serve")
    assert (refused.returncode, "did not end" in refused.stderr) == (2, True)
    assert box.cli("restore", str(destination))["copied_files"] < made["files"]
    with box:
        for path, data in files.items():
            assert sha256_of(box, ada, "ada/many", path) == hashlib.sha256(data).hexdigest()


def has_stored(folder: Path, count: int) -> bool:
    found = (path for part in ("blobs", "xet") for path in (folder / part).rglob("*") if path.is_file())
    return sum(1 for _ in found) >= count


def kill_when(hub: Hub, condition: Callable[[], bool], *command: str) -> None:
    process = subprocess.Popen(
        [*hub.program, *command],
        env=hub.environment(),
        cwd=hub.data_dir.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    until(lambda: condition() or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
