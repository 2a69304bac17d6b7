"""A13: the wall clock jumps. What counts is the order in which things happened, not what the clock said."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from tests.torture import checker
from tests.torture.api import Api
from tests.torture.history import History
from tests.torture.victim import Victim

REPO, HOUR, DAY = "ada/model", 3600, 86_400


def test_a13_the_clock_jumps_back_an_hour_and_forward_a_day(tmp_path: Path) -> None:
    victim = Victim(tmp_path, {"WORKERS": "1"}, injected=True)
    ada = victim.accounts({"ada": True}, "lab")["ada"]
    history = History()
    with victim:
        api = Api(victim, ada, history)
        api.create_repo(REPO)
        titles = []
        for number, off in enumerate((0, -HOUR, DAY, -DAY, 0)):
            victim.bend_clock(off)
            data = b"%d" % number * 1000
            large = api.upload_xet(REPO, data) if number % 2 else api.upload_lfs(REPO, data)
            api.commit(REPO, f"step {number}", {f"{number}.bin": large, f"{number}.txt": b"1"})
            titles.append(f"step {number}")
            assert api.download(REPO, f"{number}.bin") == data
            assert _titles(api) == [*reversed(titles), "initial commit"], "in the order in which they were made"
            assert api.must("GET", "/api/whoami-v2").json()["name"] == "ada"
        assert sorted(row["path"] for row in api.must("GET", f"/api/models/{REPO}/tree/main").json()) == sorted(
            [".gitattributes", *(f"{n}.{end}" for n in range(5) for end in ("bin", "txt"))]
        )
        _signed_addresses(victim, api)
        api.close()
    assert checker.check(victim.config, history) == []


def _titles(api: Api) -> list[str]:
    return [row["title"] for row in api.must("GET", f"/api/models/{REPO}/commits/main").json()]


def _signed_addresses(victim: Victim, api: Api) -> None:
    """They end when the hub's clock says so, cleanly, and work again for whoever asks for a new one."""
    oid = hashlib.sha256(b"0" * 1000).hexdigest()
    body = {"operation": "download", "objects": [{"oid": oid, "size": 1000}]}
    headers = {"content-type": "application/vnd.git-lfs+json"}

    def ask() -> str:
        (found,) = api.must("POST", f"/{REPO}.git/info/lfs/objects/batch", json=body, headers=headers).json()["objects"]
        href: str = found["actions"]["download"]["href"]
        return href

    old = ask()
    for off, status in ((0, 200), (-HOUR, 200), (DAY, 403), (0, 200)):
        victim.bend_clock(off)
        assert api.ask("GET", old, token=False).status_code == status
    victim.bend_clock(DAY)
    assert api.ask("GET", ask(), token=False).status_code == 200
    grant = api.must("GET", f"/api/models/{REPO}/xet-read-token/main").json()
    assert grant["exp"] > datetime.now(UTC).timestamp() + DAY - HOUR
    victim.bend_clock(0)
