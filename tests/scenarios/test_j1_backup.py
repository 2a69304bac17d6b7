"""J1: a backup under write load holds every commit acknowledged before it began; killed at any moment, it is run again."""

import hashlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from tests.hub import Account, Hub

WRITERS = 3


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
            api = HfApi(self.hub.endpoint, token=self.owner.token)
            api.create_repo(self.repo, private=True)
            step = 0
            while not self.ended.is_set():
                step += 1
                small, large = f"{self.repo} {step}".encode(), os.urandom(100_000) + bytes(200_000)
                files = {f"{step}.txt": small, f"{step}.bin": large}
                operations = [CommitOperationAdd(path, data) for path, data in files.items()]
                api.create_commit(self.repo, operations, commit_message=f"step {step}")
                self.acknowledged |= {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
        except BaseException as error:
            self.failed = error
            raise


@pytest.fixture
def written(tmp_path: Path) -> Iterator[tuple[Hub, list[Writer]]]:
    """A hub of two web processes and clients that write to it."""
    with Hub(tmp_path / "first", {"WORKERS": "2"}) as hub:
        ada = hub.user("ada")
        writers = [Writer(hub, ada, number) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        until(lambda: all(len(writer.acknowledged) >= 4 for writer in writers))
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
    restored = box.cli("restore", str(tmp_path / "backups"), "--backup", made["id"])
    assert restored["damaged"] == []
    with box:
        for writer in writers:
            for path, sha256 in writer.acknowledged.items():
                found = sha256_of(box, writer.owner, writer.repo, path)
                assert found == sha256 or (path not in before[writer] and found == "status 404"), (writer.repo, path)
        api = HfApi(box.endpoint, token=writers[0].owner.token)
        api.upload_file(path_or_fileobj=b"after", path_in_repo="after.txt", repo_id=writers[0].repo)
        assert sha256_of(box, writers[0].owner, writers[0].repo, "after.txt") == hashlib.sha256(b"after").hexdigest()


def test_j1_a_backup_and_a_restore_that_were_killed_are_run_again(tmp_path: Path) -> None:
    with Hub(tmp_path / "first") as hub:
        ada = hub.user("ada")
        api = HfApi(hub.endpoint, token=ada.token)
        api.create_repo("ada/many")
        files = {f"{number}.bin": bytes([number]) * 1000 for number in range(150)}
        api.create_commit(
            "ada/many", [CommitOperationAdd(path, data) for path, data in files.items()], commit_message="all"
        )
    destination = tmp_path / "backups"
    seen = [2, 40, 120]
    for count in seen:
        kill_when(hub, lambda count=count: stored(destination) >= count, "backup", str(destination))
    assert not list(destination.glob("generations/*")), "it was killed: there is no backup"
    made = hub.cli("backup", str(destination))
    assert made["files"] > 150
    assert 0 < made["copied_files"] <= made["files"] - seen[-1] + 4 * len(seen)
    assert not list((destination / "incoming").iterdir())

    box = Hub(tmp_path / "second")
    box.data_dir.mkdir(parents=True)
    for count in seen:
        kill_when(box, lambda count=count: stored(box.data_dir) >= count, "restore", str(destination))
    refused = box.command("serve")
    assert (refused.returncode, "did not end" in refused.stderr) == (2, True)
    assert box.cli("restore", str(destination))["copied_files"] < made["files"]
    with box:
        for path, data in files.items():
            assert sha256_of(box, ada, "ada/many", path) == hashlib.sha256(data).hexdigest()


def stored(folder: Path) -> int:
    return sum(1 for part in ("blobs", "xet") for path in (folder / part).rglob("*") if path.is_file())


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
