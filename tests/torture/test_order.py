"""I1, I2: for each kind of operation, strace shows sync of the file, rename, sync of the folder, sync of the database's log,
answer: in this order."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hub import Account
from tests.torture.api import Api
from tests.torture.history import History
from tests.torture.order import Event, judge, parse, traced
from tests.torture.pushing import Clone
from tests.torture.victim import Victim

REPO = "ada/model"

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (Debian: apt install strace)")


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    victim = Victim(tmp_path_factory.mktemp("order"), {"WORKERS": "1", "LFS_PART_BYTES": "131072"})
    victim.accounts({"ada": True}, "lab")
    with victim:
        yield victim


class Deeds:
    def __init__(self, victim: Victim, api: Api, folder: Path) -> None:
        self.api = api
        self._clone = Clone(victim, api.account, REPO, folder)

    def push(self) -> None:
        assert self._clone.push("pushed", "pushed", {"pushed.txt": b"1"})[0] == "acknowledged"


OPERATIONS: dict[str, tuple[Callable[[Deeds], object], int]] = {
    "first commit": (lambda deeds: deeds.api.commit(REPO, "first", {"a.txt": b"1"}), 3),
    "commit": (lambda deeds: deeds.api.commit(REPO, "second", {"b.txt": b"1"}), 2),
    "LFS": (lambda deeds: deeds.api.upload_lfs(REPO, b"1" * 10_000), 1),
    "LFS in parts": (lambda deeds: deeds.api.upload_lfs(REPO, b"2" * 1_200_000), 1),
    "Xet": (lambda deeds: deeds.api.upload_xet(REPO, b"3" * 100_000), 2),
    "push": (lambda deeds: deeds.push(), 2),
    "tag": (lambda deeds: deeds.api.must("POST", f"/api/models/{REPO}/tag/main", json={"tag": "t", "message": "m"}), 2),
    "squash": (lambda deeds: deeds.api.must("POST", f"/api/models/{REPO}/super-squash/main", json={"message": "s"}), 2),
    "pull request": (lambda deeds: deeds.api.commit(REPO, "p", {"p.txt": b"1"}, proposes=True), 2),
    "move": (lambda deeds: deeds.api.move_repo(REPO, "lab/moved"), 0),
}
"""What to do, and how many files of it are kept."""


def test_i1_i2_what_is_answered_is_durable(victim: Victim, tmp_path: Path) -> None:
    """One after another in one hub: what one operation needs, another has made."""
    api = Api(victim, Account("ada", victim.token("ada")), History())
    try:
        _do_all(victim, api, tmp_path)
    finally:
        api.close()


def _do_all(victim: Victim, api: Api, tmp_path: Path) -> None:
    deeds = Deeds(victim, api, tmp_path)
    api.create_repo(REPO)
    web = next(pid for pid, name in victim.processes().items() if name == "web")
    with traced(web, tmp_path / "trace") as trace:
        seen = 0
        for name, (act, kept) in OPERATIONS.items():
            act(deeds)
            events = trace.events()
            wrong = judge(events[seen:], victim.data_dir)
            assert wrong == [], name
            assert len(_kept(events[seen:], victim.data_dir)) >= kept, name
            assert any(event.path.endswith("pioche.db-wal") for event in events[seen:] if event.kind == "sync"), name
            seen = len(events)


def _kept(events: list[Event], data_dir: Path) -> list[Event]:
    parts = tuple(f"{data_dir}/{part}/" for part in ("git", "blobs", "xet"))
    return [event for event in events if event.kind == "rename" and event.target.startswith(parts)]


GOOD = """\
1 fdatasync(7</d/incoming/draft>) = 0
1 rename("/d/incoming/draft", "/d/blobs/aa") = 0
1 fsync(8</d/blobs>) = 0
2 pwrite64(5</d/pioche.db-wal>, "x"..., 4096, 0) = 4096
2 fdatasync(5</d/pioche.db-wal> <unfinished ...>
1 write(1</log>, "unrelated", 9) = 9
2 <... fdatasync resumed>) = 0
3 sendto(9<socket:[1]>, "HTTP/1.1 200 OK\\r\\n"..., 64, 0, NULL, 0) = 64
"""


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], ""),
        ([1, 0, 2, 3, 4, 5, 6, 7], "before its bytes were synced"),
        ([0, 2, 1, 3, 4, 5, 6, 7], "before the folder of"),
        ([0, 1, 3, 4, 5, 6, 2, 7], "before its folder was synced"),
        ([0, 1, 2, 3, 7, 4, 5, 6], "before the database's log was synced"),
        ([0, 1, 2, 4, 6, 3, 7], "before the database's log was synced"),
    ],
)
def test_the_judge_sees_a_wrong_order(order: list[int], said: str) -> None:
    lines = GOOD.splitlines()
    wrong = judge(list(parse([lines[place] for place in order])), Path("/d"))
    assert (wrong == []) == (said == "")
    assert all(said in line for line in wrong[:1])
