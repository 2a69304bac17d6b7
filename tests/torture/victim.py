"""A hub that is going to be killed: all of its processes, some of them, frozen first or not."""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from pioche import app, config
from pioche.accounts.directory import Directory
from pioche.accounts.members import Role
from pioche.config import Config
from pioche.db.engine import Database
from tests.hub import Account, Hub

WAYS = ("all", "all", "all", "frozen", "supervisor", "web", "web", "jobs")
"""How a hub is killed, as often as they stand here: everything at once, everything after it stood still for a moment,
the supervisor (whose children the kernel ends), one web process, the jobs process."""

_ROOT = Path(__file__).parents[2]
_INJECTED = Path(__file__).parent / "injected"


class Victim(Hub):
    """A hub of two web processes. `up` is set while it should answer."""

    def __init__(self, directory: Path, settings: dict[str, str] | None = None, *, injected: bool = False) -> None:
        super().__init__(directory, {"WORKERS": "2", **(settings or {})})
        self.up = threading.Event()
        self._folder = directory
        self._is_injected = injected

    @property
    def config(self) -> Config:
        """The hub's own settings, for looking at its data while no server runs."""
        return config.load(environ=self.environment())

    def accounts(self, names: Mapping[str, bool], org: str) -> dict[str, Account]:
        """Users (True: an administrator) and one organisation of them all, made before the first start."""
        app.prepare(self.config)
        database = Database(self.config)
        try:
            directory = Directory(database)
            team = directory.create_org(org)
            made = {}
            for name, is_admin in names.items():
                user = directory.create_user(name, is_admin=is_admin)
                directory.members.add(team, user, Role.ADMIN)
                made[name] = Account(name, directory.tokens.create(user, name="torture")[0])
            return made
        finally:
            database.close()

    # --- fail points and a bent clock, for a hub that they were injected into (points.py) ---

    def arm(self, point: str) -> None:
        """The hub dies when it comes to this point."""
        draft = self._folder / "point.new"
        draft.write_text(point)
        draft.rename(self._armed)

    @property
    def is_armed(self) -> bool:
        return self._armed.exists()

    @property
    def _armed(self) -> Path:
        return self._folder / "point"

    def bend_clock(self, seconds: int) -> None:
        (self._folder / "clock").write_text(str(seconds))

    def environment(self) -> dict[str, str]:
        found = super().environment()
        if not self._is_injected:
            return found
        path = os.pathsep.join([str(_INJECTED), str(_ROOT), found["PYTHONPATH"]])
        return {**found, "PYTHONPATH": path, "TORTURE_FOLDER": str(self._folder)}

    # --- its life ---

    def start(self) -> None:
        super().start()
        self.up.set()

    def strike(self, way: str, chance: random.Random) -> float:
        """Kills in this way and brings the hub back; returns the seconds until it could serve again."""
        if way in ("web", "jobs"):
            return self._strike_one(way, chance)
        self.up.clear()
        victims = self.processes()
        if way == "supervisor":
            victims = {self.pid: "supervisor"}
        if way == "frozen":
            _signal(victims, signal.SIGSTOP)
            time.sleep(chance.uniform(0.01, 0.1))
        _signal(victims, signal.SIGKILL)
        self.wait()
        began = time.monotonic()
        self.start()
        return time.monotonic() - began

    def _strike_one(self, name: str, chance: random.Random) -> float:
        """The supervisor starts it again."""
        candidates = sorted(pid for pid, found in self.processes().items() if found == name)
        if not candidates:
            return 0.0
        began = time.monotonic()
        doomed = chance.choice(candidates)
        _signal({doomed: name}, signal.SIGKILL)
        deadline = began + 30
        count = len(candidates)
        while time.monotonic() < deadline:
            now = [pid for pid, found in self.processes().items() if found == name and pid != doomed]
            if len(now) >= count and self.ready():
                break
            time.sleep(0.02)
        return time.monotonic() - began

    def processes(self) -> dict[int, str]:
        """Every process of the hub's session, git programs too: its id, and its name in the hub's table."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError, ValueError, IndexError):
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(after_name[3]) == self.pid and after_name[0] != "Z":
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    is_child = words[0] == b"pioche.processes"
                    found[int(entry.name)] = words[1 if is_child else 0].decode()
        return found


def _signal(processes: Mapping[int, str], number: signal.Signals) -> None:
    """git last: the hub would log that it ended, in the moment that is left to it."""
    for pid in sorted(processes, key=lambda pid: processes[pid].endswith("git")):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
