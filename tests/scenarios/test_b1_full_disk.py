"""B1: the disk is full at any point of an upload, a commit, a push. 507 by every door, reads go on, room is enough."""

import hashlib
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.disks import Disk, mounted
from tests.hub import Hub
from tests.sender import Sender, fsck, git

MIB = 2**20
KEPT = random.Random(1).randbytes(MIB)


@dataclass
class Full:
    """A hub on a disk of its own, with a repo that holds a small and a large file."""

    disk: Disk
    hub: Hub
    ada: Sender
    kept: dict[str, bytes] = field(default_factory=dict)
    """Every acknowledged file."""

    def accepted(self, path: str, data: bytes, answer: httpx.Response) -> bool:
        """True when the hub took the bytes; when it did not, it said 507 and why."""
        if answer.status_code == 200:
            return True
        assert answer.status_code == 507, (path, answer.status_code, answer.text)
        assert answer.headers["x-error-code"] == "OutOfSpace"
        assert "full" in answer.text
        return False

    def check_reads(self) -> None:
        for path, data in self.kept.items():
            answer = self.ada.get(path)
            assert (answer.status_code, answer.content == data) == (200, True), (path, answer.status_code)
        assert self.ada.http.get(f"/api/models/{self.ada.repo}").status_code == 200
        tree = self.ada.http.get(f"/api/models/{self.ada.repo}/tree/main").raise_for_status().json()
        assert {entry["path"] for entry in tree} >= set(self.kept)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    folder = tmp_path_factory.mktemp("full")
    with mounted(folder / "disk", 64) as disk:
        hub = Hub(folder, {"LFS_PART_BYTES": str(MIB // 4), "DISK_RESERVE_BYTES": "0"})
        hub.data_dir = disk.path / "data"
        with hub, Sender(hub, hub.user("ada"), "ada/full") as ada:
            ada.create().raise_for_status()
            found = Full(disk, hub, ada)
            ada.commit({"small.txt": b"small"}).raise_for_status()
            found.kept["small.txt"] = b"small"
            keep(found, "large.bin", KEPT, ada.lfs)
            hub.settle()
            yield found
        whole(found, folder)


def keep(full: Full, path: str, data: bytes, send: Callable[[bytes], httpx.Response]) -> bool:
    """Sends a large file and commits it; whether both were acknowledged."""
    if not full.accepted(path, data, send(data)):
        return False
    answer = full.ada.commit(large={path: (hashlib.sha256(data).hexdigest(), len(data))})
    if full.accepted(path, data, answer):
        full.kept[path] = data
        return True
    return False


def commit(full: Full, path: str, data: bytes) -> bool:
    if full.accepted(path, data, full.ada.commit({path: data})):
        full.kept[path] = data
        return True
    return False


def push(full: Full, folder: Path, path: str, data: bytes) -> bool:
    """git tells its user nothing but the status of a refused push."""
    clone = full.ada.clone(folder / "clone")
    (clone / path).write_bytes(data)
    git(clone, "add", "-A", check=True)
    git(clone, "commit", "-qm", path, check=True)
    done = git(clone, "push", "-q", "origin", "HEAD:main")
    shutil.rmtree(clone)
    if done.returncode == 0:
        full.kept[path] = data
        return True
    assert "507" in done.stderr, done.stderr
    return False


def attempts(full: Full, folder: Path, seed: str) -> list[bool]:
    """One of each: sends through every door what was never sent before."""
    noise = random.Random(seed)
    text = noise.randbytes(MIB // 2).hex().encode()
    return [
        keep(full, f"{seed}-lfs.bin", noise.randbytes(MIB), full.ada.lfs),
        keep(full, f"{seed}-parts.bin", noise.randbytes(MIB), full.ada.multipart),
        keep(full, f"{seed}-xet.bin", noise.randbytes(MIB), full.ada.xet),
        commit(full, f"{seed}.txt", noise.randbytes(MIB // 2)),
        push(full, folder, f"{seed}-pushed.txt", text),
    ]


def whole(full: Full, folder: Path) -> None:
    """After the hub has ended: the database is sound and nothing half stored is left that a start does not sweep."""
    with sqlite3.connect(full.hub.data_dir / "pioche.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    for path in (full.hub.data_dir / "blobs").rglob("*"):
        if path.is_file():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def rounds(full: Full, folder: Path, points: Iterable[int]) -> None:
    """The disk fills up to each point (in KiB that are left), is worked on, and gets room again."""
    for point in points:
        full.disk.fill(leaving=point * 1024)
        done = attempts(full, folder, f"at{point}")
        assert point > 100 or not any(done)
        full.check_reads()
        assert full.ada.http.get("/healthz").status_code == 200
        full.disk.make_room()
        assert all(attempts(full, folder, f"after{point}")), "room was enough: no restart"
    full.check_reads()
    fsck(full.ada, folder / "mirror")


def test_b1_a_full_disk_says_507_and_reads_go_on(full: Full, tmp_path: Path) -> None:
    rounds(full, tmp_path, (0, 64, 700))


@pytest.mark.long
def test_b1_at_many_points(full: Full, tmp_path: Path) -> None:
    points = random.Random(2).choices(range(3000), k=5)
    for number, point in enumerate(points):
        rounds(full, tmp_path, (point + number,))
        shutil.rmtree(tmp_path / "mirror")


def test_b1_cloning_needs_no_room(full: Full, tmp_path: Path) -> None:
    full.disk.fill()
    fsck(full.ada, tmp_path / "mirror")
    full.disk.make_room()


def test_b1_uploads_leave_a_reserve_for_the_database(full: Full, tmp_path: Path) -> None:
    """By default: what uploads have filled is not quite full, and what needs little room still works."""
    hub = Hub(tmp_path)
    hub.data_dir = full.disk.path / "second"
    with hub, Sender(hub, hub.user("ada"), "ada/reserve") as ada:
        ada.create().raise_for_status()
        hub.settle()
        full.disk.fill(leaving=2 * MIB)  # of 64: less than a twentieth
        second = Full(full.disk, hub, ada)
        large = random.Random(3).randbytes(200_000)
        assert not any(second.accepted("x", large, send(large)) for send in (ada.lfs, ada.xet))
        assert not push(second, tmp_path, "a.txt", b"pushed")
        assert commit(second, "notes.txt", b"a few words")
        assert ada.commit(delete=("notes.txt",)).status_code == 200
        deadline = time.monotonic() + 30  # it looks every two seconds
        while ada.http.get("/readyz").json()["status"] != "degraded":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        full.disk.make_room()
        assert keep(second, "x.bin", large, ada.lfs)


def test_b1_a_migration_on_a_full_disk_changes_nothing_and_says_so(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 8) as disk:
        hub = Hub(tmp_path, {"DISK_RESERVE_BYTES": "0"})
        hub.data_dir = disk.path / "data"
        hub.data_dir.mkdir()
        for leaving in (100_000, 300_000):
            disk.fill(leaving=leaving)
            refused = hub.command("serve")
            assert refused.returncode in (1, 2)
            assert len(refused.stderr.splitlines()) == 1, refused.stderr
            assert "full" in refused.stderr or "No space left" in refused.stderr
            disk.make_room()
        with hub:
            assert hub.user("ada").name == "ada"


@pytest.mark.parametrize("by", ["uploads", "others"])
def test_b1_collecting_garbage_makes_room(tmp_path: Path, by: str) -> None:
    """Uploads stop at the reserve; another program leaves nothing at all. Either way what nobody needs can go."""
    with mounted(tmp_path / "disk", 48) as disk:
        hub = Hub(tmp_path)
        hub.data_dir = disk.path / "data"
        with hub, Sender(hub, hub.user("ada"), "ada/old") as old, Sender(hub, old.account, "ada/new") as new:
            old.create().raise_for_status()
            new.create().raise_for_status()
            hub.settle()
            noise = random.Random(9)
            answers = [old.lfs(noise.randbytes(4 * MIB)).status_code for _ in range(14)]
            assert set(answers) == {200, 507}
            if by == "others":
                disk.fill()
                hub.cli("gc", "--now")  # lets go of the ballast: from here on rows can be changed
            body = {"name": "old", "organization": "ada", "type": "model"}
            assert old.http.request("DELETE", "/api/repos/delete", json=body).status_code == 200
            hub.cli("gc", "--now")
            assert new.lfs(noise.randbytes(4 * MIB)).status_code == 200
