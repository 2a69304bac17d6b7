"""B1: on a full disk `pioche gc --now` alone is enough to go on, without a restart and without big temporary files."""

import random
from pathlib import Path

from tests.disks import mounted
from tests.hub import Hub
from tests.sender import Sender

MIB = 2**20


def test_b1_collecting_makes_room_on_a_full_disk(tmp_path: Path) -> None:
    noise = random.Random(5)
    with mounted(tmp_path / "disk", 64) as disk:
        hub = Hub(tmp_path, {"GC_SECONDS": "0"})
        hub.data_dir = disk.path / "data"
        with hub, Sender(hub, hub.user("ada"), "ada/kept") as ada, Sender(hub, ada.account, "ada/gone") as gone:
            for one in (ada, gone):
                one.create().raise_for_status()
            ada.commit({"small.txt": b"small"}).raise_for_status()
            sent = 0
            while (answer := gone.lfs(noise.randbytes(4 * MIB))).status_code == 200:
                sent += 4 * MIB
            assert (answer.status_code, answer.headers["x-error-code"]) == (507, "OutOfSpace")
            disk.fill(leaving=0)  # another program takes the reserve too
            assert ada.get("small.txt").content == b"small"
            done = hub.command("gc", "--now", "--json")
            assert done.returncode == 0, done.stderr
            assert disk.free > sent - 8 * MIB
            assert ada.lfs(noise.randbytes(4 * MIB)).status_code == 200
            assert ada.commit({"more.txt": b"more"}).status_code == 200
