"""B6: the disk can only be read from one moment on. Reads are 200, writes 503, and the hub says that it is degraded."""

import hashlib
import random
import shutil
import time
from pathlib import Path

import httpx

from tests.disks import failing
from tests.hub import Hub
from tests.sender import Sender, fsck, git

DATA = random.Random(6).randbytes(500_000)
NEW = random.Random(7).randbytes(500_000)


def test_b6_a_disk_that_can_only_be_read(tmp_path: Path) -> None:
    with failing(tmp_path, 64) as disk:
        hub = Hub(tmp_path, {"LFS_PART_BYTES": "100000"})
        hub.data_dir = disk.path / "data"
        with hub, Sender(hub, hub.user("ada"), "ada/model") as ada:
            ada.create().raise_for_status()
            ada.lfs(DATA).raise_for_status()
            large = {"x.bin": (hashlib.sha256(DATA).hexdigest(), len(DATA))}
            ada.commit({"a.txt": b"1"}, large=large).raise_for_status()
            clone = ada.clone(tmp_path / "clone")
            hub.settle()
            disk.fail()
            check_reads(ada)
            for send in (ada.lfs, ada.multipart, ada.xet):
                refused(send(NEW))
            refused(ada.commit({"b.txt": b"2"}))
            with Sender(hub, ada.account, "ada/second") as second:
                refused(second.create())
            (clone / "c.txt").write_text("3")
            git(clone, "add", "-A", check=True)
            git(clone, "commit", "-qm", "c", check=True)
            done = git(clone, "push", "-q", "origin", "HEAD:main")
            assert done.returncode
            assert "503" in done.stderr
            fsck(ada, tmp_path / "mirror")
            assert ada.plain("GET", f"{hub.endpoint}/healthz").status_code == 200
            until_degraded(ada)
            check_reads(ada)
            hub.stop()
            refusal = hub.command("serve", "--port", "0")
            assert refusal.returncode in (1, 2)
            assert len(refusal.stderr.splitlines()) == 1, refusal.stderr
            disk.mend()
            hub.start()
            check_reads(ada)
            assert ada.commit({"b.txt": b"2"}).status_code == 200
            assert ada.lfs(NEW).status_code == 200
            fsck(ada, shutil.move(tmp_path / "mirror", tmp_path / "old").with_name("new"))
            hub.stop()


def until_degraded(ada: Sender) -> None:
    """It looks every two seconds."""
    deadline = time.monotonic() + 30
    while True:
        ready = ada.plain("GET", f"{ada.hub.endpoint}/readyz")
        assert ready.status_code == 200
        if ready.json()["status"] == "degraded":
            return
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["x-error-code"] == "Unavailable"


def check_reads(ada: Sender) -> None:
    assert ada.get("a.txt").content == b"1"
    assert ada.get("x.bin").content == DATA
    assert ada.head("x.bin").status_code == 200
    assert ada.http.get(f"/api/models/{ada.repo}/tree/main?expand=true").status_code == 200
