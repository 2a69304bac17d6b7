"""B8: what cannot work is refused at the start, in one line that names it."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.disks import mounted
from tests.hub import Hub

NOBODY = 65534


def refusal(hub: Hub, *arguments: str) -> str:
    refused = hub.command("serve", "--port", "0", *arguments)
    assert (refused.returncode, refused.stdout) == (2, ""), refused.stderr
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
    return refused.stderr


def a_file(data: Path) -> None:
    data.write_bytes(b"")


def a_file_inside(data: Path) -> None:
    data.mkdir()
    (data / "git").write_bytes(b"")


def a_link_to_nowhere(data: Path) -> None:
    data.symlink_to(data / "missing" / "folder")


def a_folder_for_the_database(data: Path) -> None:
    (data / "pioche.db").mkdir(parents=True)


@pytest.mark.parametrize("make", [a_file, a_file_inside, a_link_to_nowhere, a_folder_for_the_database])
def test_b8_a_folder_that_is_none(tmp_path: Path, make: Callable[[Path], None]) -> None:
    hub = Hub(tmp_path)
    make(hub.data_dir)
    assert "data_dir" in refusal(hub)


def test_b8_a_disk_that_can_only_be_read(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 8) as disk:
        disk.remount("ro")
        hub = Hub(tmp_path)
        hub.data_dir = disk.path
        assert "Read-only file system" in refusal(hub)


def test_b8_a_folder_of_another_user(tmp_path: Path) -> None:
    """Root may write anywhere: so the hub is run as nobody, where that can be."""
    hub = Hub(tmp_path)
    if os.getuid() == 0:
        hub.program = ("setpriv", f"--reuid={NOBODY}", "--clear-groups", *hub.program)
        if shutil.which("setpriv") is None or hub.command("--version").returncode:
            pytest.skip("the programs of this environment are not for other users")
    hub.data_dir.mkdir()
    hub.data_dir.chmod(0o555)
    assert "Permission denied" in refusal(hub)


def test_b8_a_database_that_is_none(tmp_path: Path) -> None:
    """Not a traceback, and nothing is made anew over it."""
    hub = Hub(tmp_path)
    hub.data_dir.mkdir()
    database = hub.data_dir / "pioche.db"
    database.write_bytes(b"not a database" * 1000)
    refused = hub.command("serve", "--port", "0")
    assert refused.returncode in (1, 2)
    assert refused.stderr.splitlines() == ["pioche: The database is damaged: restore it from a backup"]
    assert database.read_bytes() == b"not a database" * 1000


def test_b8_a_database_of_a_newer_version(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    with hub:
        hub.stop()
    with sqlite3.connect(hub.data_dir / "pioche.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    assert "newer Pioche" in refusal(hub)


def test_b7_a_thousand_requests_leave_no_descriptor_behind(tmp_path: Path) -> None:
    with Hub(tmp_path) as hub:
        [web] = [pid for pid, name in hub.children().items() if name == "web"]
        ask(hub, 100)
        before = len(list(Path(f"/proc/{web}/fd").iterdir()))
        ask(hub, 1000)
        # A thread that had nothing to do before opens the database too, once.
        assert len(list(Path(f"/proc/{web}/fd").iterdir())) <= before + 50


def ask(hub: Hub, count: int) -> None:
    paths = ("/api/models", "/absent/repo/resolve/main/x", "/readyz", "/")
    with httpx.Client(base_url=hub.endpoint) as client:
        for number in range(count):
            assert client.get(paths[number % len(paths)]).status_code < 500
