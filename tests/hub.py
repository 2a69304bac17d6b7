"""A real hub for tests: `pioche serve` in processes of its own, on a free port, over a directory of its own.

    with Hub(tmp_path) as hub:
        ada = hub.user("ada")
        hub.org("lab", members={"ada": "write"})
        httpx.get(f"{hub.endpoint}/api/whoami-v2", headers=ada.bearer)

The fixture `hub` (conftest.py) shares one such hub among all tests of a process: ask `hub.name("x")` for names, so that
tests do not meet. A test that stops, kills or configures a hub makes its own. Its life is an operator's doing: the command
line (architecture: command line contract) and the environment. Accounts alone are made from here, by the functions that the
commands call: hundreds of processes would be minutes of the tests' time.
"""

import contextlib
import itertools
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pioche
from pioche.accounts.directory import Directory
from pioche.accounts.members import Role
from pioche.accounts.tokens import TokenRole
from pioche.config import CONFIG_FILE, load
from pioche.db.engine import Database
from pioche.http import cookies
from pioche.upkeep import preparing

START_S_MAX = 180
STOP_S_MAX = 30
COMMAND_S_MAX = 180

_serial = itertools.count(1)


@dataclass(frozen=True)
class Account:
    """A user of the hub and a token of theirs."""

    name: str
    token: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class Hub:
    """One `pioche serve` over `directory`. `settings` are names without their prefix: {"WORKERS": "1"}."""

    def __init__(self, directory: Path, settings: dict[str, str] | None = None) -> None:
        self.data_dir = directory / "data"
        self.log = directory / "serve.log"
        self.program: tuple[str, ...] = (sys.executable, "-m", "pioche")
        self.port = free_port()
        self.endpoint = f"http://localhost:{self.port}"
        self.settings = {"WORKERS": "1", "RATE_LIMITS": "off", **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._admin: Account | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.running:
            self.stop()

    # --- its life ----------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        assert self._process is not None, "the hub was not started"
        return self._process.pid

    def children(self) -> dict[int, str]:
        """The processes below the supervisor: their ids, with the name of each in the table."""
        found = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                program, *words = (entry / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
                if program == "pioche.processes" and words[-1] == str(self.pid):
                    found[int(entry.name)] = words[0]
        return found

    def start(self) -> None:
        """Starts the hub and returns when it can serve."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.program, "serve"],
                env=self.environment(),
                cwd=self.data_dir.parent,  # away from a developer's own pioche.toml
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S_MAX
        while not self.ready():
            if self._process.poll() is not None:
                raise AssertionError(f"pioche serve ended with {self._process.returncode}:\n{self.output()}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"pioche serve was not ready within {START_S_MAX} s:\n{self.output()}")
            time.sleep(0.05)

    def stop(self) -> int:
        """Asks the hub to drain (SIGTERM); returns its exit code."""
        assert self._process is not None, "the hub was not started"
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Its exit code, when it ends by itself or was told to."""
        assert self._process is not None, "the hub was not started"
        try:
            return self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"pioche serve did not end within {STOP_S_MAX} s of SIGTERM:\n{self.output()}"
            ) from None

    def kill(self) -> None:
        """Takes the hub and all of its processes away at once, as a power cut does (SIGKILL to their session)."""
        assert self._process is not None, "the hub was not started"
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_S_MAX)

    def restart(self) -> None:
        self.stop()
        self.start()

    def output(self) -> str:
        """What the hub has printed and logged so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def ready(self) -> bool:
        """Whether it can serve just now."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/readyz", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def settle(self) -> None:
        """Returns when what the first start of a hub has its jobs do is done, and what was changed since too. On SQLite."""
        deadline = time.monotonic() + START_S_MAX
        while "scrub ended" not in self.output() or self._jobs_due():
            assert time.monotonic() < deadline, f"its jobs did not end within {START_S_MAX} s:\n{self.output()}"
            time.sleep(0.05)

    def _jobs_due(self) -> int:
        query = "SELECT count(*) FROM jobs WHERE state = 'running' OR (state = 'waiting' AND run_at <= ?)"
        with contextlib.closing(sqlite3.connect(self.data_dir / "pioche.db", timeout=30)) as connection:
            found = connection.execute(query, (time.time_ns() // 1_000_000,)).fetchone()[0]
        assert isinstance(found, int)
        return found

    # --- its command line --------------------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """The environment of the hub and of its commands: this process's, without its own PIOCHE_ and HF_ variables."""
        own = {f"PIOCHE_{key}": value for key, value in self.settings.items()}
        place = {"PIOCHE_DATA_DIR": str(self.data_dir), "PIOCHE_HOST": "127.0.0.1", "PIOCHE_PORT": str(self.port)}
        code = {"PYTHONPATH": str(Path(pioche.__file__).parents[1])}
        rest = {key: value for key, value in os.environ.items() if not key.startswith(("PIOCHE_", "HF_"))}
        return {**rest, **code, **place, **own}

    def command(self, *arguments: str, seconds: float = COMMAND_S_MAX) -> subprocess.CompletedProcess[str]:
        """Runs `pioche ARGUMENTS...` on the same data directory; the caller looks at the exit code."""
        return subprocess.run(
            [*self.program, *arguments],
            env=self.environment(),
            cwd=self.data_dir.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def cli(self, *arguments: str) -> Any:
        """Runs a command that has to work, with `--json`; returns what it printed."""
        done = self.command(*arguments, "--json")
        assert done.returncode == 0, f"pioche {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    # --- accounts ----------------------------------------------------------------------------------------------------

    def name(self, stem: str) -> str:
        """A name that no other test of this process uses."""
        return f"{stem}-{os.getpid()}-{next(_serial)}"

    def user(self, name: str, *, admin: bool = False, role: str = "write") -> Account:
        """Creates a user and a token of theirs (`role`: read or write)."""
        with self.directory() as directory:
            made = directory.create_user(name, email=f"{name}@example.org", is_admin=admin)
            return Account(name, directory.tokens.create(made, role=TokenRole(role))[0])

    def token(self, user: str, *, role: str = "write") -> str:
        """One more token for a user that exists."""
        with self.directory() as directory:
            return directory.tokens.create(directory.get_user(user), role=TokenRole(role))[0]

    def session(self, user: str) -> str:
        """The cookie of a browser in which a user is signed in: `name=value`."""
        with self.directory() as directory:
            secret, _ = directory.sessions.start(directory.get_user(user), hours=1)
        return f"{cookies.session_name(self.endpoint)}={secret}"

    def org(self, name: str, members: dict[str, str] | None = None, *, private_by_default: bool = False) -> str:
        """Creates an organisation; `members` are user names with their roles (admin, write, contributor, read)."""
        with self.directory() as directory:
            made = directory.create_org(name, private_by_default=private_by_default)
            for user, role in (members or {}).items():
                directory.members.add(made, directory.get_user(user), Role(role))
        return name

    @contextmanager
    def directory(self) -> Iterator[Directory]:
        """The accounts of its data folder: what the commands work on, without a process for each of them."""
        config = load(environ={**self.environment(), CONFIG_FILE: os.devnull})
        preparing.prepare(config)
        database = Database(config)
        try:
            yield Directory(database)
        finally:
            database.close()

    @property
    def admin(self) -> Account:
        """An administrator, made when first asked for."""
        if self._admin is None:
            self._admin = self.user("operator", admin=True)
        return self._admin

    @property
    def admin_token(self) -> str:
        return self.admin.token


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert isinstance(port, int)
        return port
