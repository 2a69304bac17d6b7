"""A commit of a Space that answers: its process, or its files where it is static."""

import shlex
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pioche.accounts.callers import Caller
from pioche.errors import BadCard, RepoNotFound, StartFailed
from pioche.names import RepoType
from pioche.repos import cards, listing, revisions
from pioche.repos.access import Access, Action, Repo
from pioche.repos.facts import spaces
from pioche.repos.facts.observation import Observed
from pioche.repos.snapshots import Snapshots
from pioche.runner import sockets
from pioche.runner.running import Running
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import SCRATCH, Address, Limits
from pioche.runner.spec import Spec as Command
from pioche.spaces import sdks
from pioche.spaces.apps import Apps
from pioche.spaces.builds.building import Builder
from pioche.spaces.builds.plan import Plan
from pioche.spaces.builds.redaction import Redaction
from pioche.spaces.controller.lines import Lines
from pioche.spaces.flavours import Flavour
from pioche.spaces.hosts import Hosts

_POLL_SECONDS = 0.05
_ANSWER_SECONDS = 10.0
_STARTUP_SECONDS = 1800.0
_STARTUP_SECONDS_MAX = 7200.0
_UNITS = {"s": 1, "m": 60, "h": 3600}
_GRACE_SECONDS = 8.0
_LAST_LINES = 8


@dataclass(frozen=True, slots=True)
class Tools:
    """What versions are made with. `hub` is where apps reach the hub from inside."""

    access: Access
    apps: Apps
    snapshots: Snapshots
    builder: Builder
    sandbox: Sandbox
    hosts: Hosts
    hub: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to answer. Two that are equal are the same version."""

    repo: int
    commit: str
    rebuilds: int
    restarts: int
    flavour: Flavour


class Version:
    """Made by `build`; `start` has it answer. For threads; `close` for any."""

    def __init__(self, wish: Wish, repo: Repo, plan: Plan, config: dict[str, Any], leases: ExitStack) -> None:
        self.wish, self.repo, self.plan, self.config = wish, repo, plan, config
        self.folder = Path()
        self.variables: dict[str, str] = {}
        """What a static Space may show; secrets are not among them."""
        self.running: Running | None = None
        self._leases = leases
        self._command: Command | None = None
        self._redaction = Redaction(_nobody)

    @property
    def is_static(self) -> bool:
        return self.plan.python is None

    @property
    def door(self) -> Path | None:
        return self.running.door if self.running is not None else None

    @property
    def startup_seconds(self) -> float:
        text = str(self.config.get("startup_duration_timeout") or "")
        number, unit = text[:-1].strip(), text[-1:].lower()
        found = float(number) * _UNITS[unit] if unit in _UNITS and number.isdecimal() else _STARTUP_SECONDS
        return min(max(found, 1.0), _STARTUP_SECONDS_MAX)

    def prepare(self, command: Command, redaction: Redaction) -> None:
        self._command, self._redaction = command, redaction

    def start(self, sandbox: Sandbox, log: Lines) -> None:
        """Returns when it answers. Raises SandboxTooWeak, StartFailed with its last words."""
        if self._command is None:
            return
        self.running = running = sandbox.start(self._command)
        threading.Thread(target=self._follow, args=(running, log), name="app log", daemon=True).start()
        deadline = time.monotonic() + self.startup_seconds
        while not _answers(running):
            if running.ending is not None:
                raise StartFailed(self.last_words(log))
            if time.monotonic() > deadline:
                self.end()
                raise StartFailed(
                    f"It did not answer on port {self.plan.port} within {self.startup_seconds:.0f} seconds"
                )
            time.sleep(_POLL_SECONDS)

    def last_words(self, log: Lines) -> str:
        """Why it ended, and what it said before."""
        ending = self.running.ending if self.running is not None else None
        reason = ending.reason if ending is not None else "It has ended"
        return "\n".join([reason, *(line for line in log.last(_LAST_LINES) if line != f"[{reason}]")])

    def end(self) -> None:
        """Ends the whole tree of its processes."""
        if self.running is not None:
            self.running.terminate(_GRACE_SECONDS)
            try:
                self.running.wait(_GRACE_SECONDS + 2)
            except TimeoutError:
                self.running.close()

    def close(self) -> None:
        self.end()
        self._leases.close()

    def _follow(self, running: Running, log: Lines) -> None:
        for line in running.log.follow():
            log.say(self._redaction.redacted(line.text))


def build(tools: Tools, wish: Wish, log: Lines, *, fresh: bool) -> Version:
    """The files and the environment of a commit, held until the version is closed. Raises NotBuilt, RepoNotFound, SandboxTooWeak,
    StartFailed, NotOffered, OutOfSpace."""
    repo = _opened(tools.access, wish.repo)
    revision = revisions.resolve_sync(repo, wish.commit)
    paths = sorted(entry.path for entry in listing.everything(repo, revision).entries if entry.is_file)
    environment, secrets = tools.apps.environment(repo.id)
    with ExitStack() as leases:
        folder = leases.enter_context(tools.snapshots.lease(repo, revision, paths))
        config = _config(folder)
        plan = tools.builder.plan(folder, config)
        log.say(f"Building {wish.commit[:8]}")
        redaction, name = Redaction(log.say, secrets), f"{repo.uid}-{wish.commit}"
        if plan.python is not None:
            built = leases.enter_context(tools.builder.environment(plan, log.say, secrets=secrets, fresh=fresh))
            about = _about(tools, repo, config, wish.flavour)
            found = sdks.command(plan, built.python, about, environment)
            files = {folder: sdks.CODE}
            if plan.command:
                files = leases.enter_context(tools.builder.image(plan, folder, name))
            command = _command(tools, wish.flavour, found, {**built.read_only, **files}, built.path, plan.folder)
        elif plan.build_command:
            folder = leases.enter_context(tools.builder.site(plan, folder, name, log.say, secrets=secrets, fresh=fresh))
            plan = replace(plan, app_file=Path(plan.app_file).name)
        version = Version(wish, repo, plan, config, leases.pop_all())
    version.folder = folder
    version.variables = {value.name: value.value for value in tools.apps.values(repo.id) if not value.is_secret}
    if plan.python is not None:
        version.prepare(command, redaction)
    return version


def _command(
    tools: Tools, flavour: Flavour, found: sdks.Command, read_only: dict[Path, Path], path: str, folder: str
) -> Command:
    reaches = (Address.of(tools.hub),)
    return Command(
        command=("/bin/sh", "-c", f'cd {shlex.quote(folder or str(sdks.CODE))} && exec "$@"', "app", *found.words),
        read_only=read_only,
        environment={"PATH": path, "PYTHONPATH": "", "HOME": str(SCRATCH), **found.environment},
        serves_port=found.port,
        reaches=reaches,
        remote_code=True,
        limits=Limits(memory_bytes=flavour.memory_bytes, cores=flavour.cores, nice=5, open_files=4096),
    )


def _about(tools: Tools, repo: Repo, config: dict[str, Any], flavour: Flavour) -> sdks.About:
    return sdks.About(
        repo=repo.repo_id,
        title=str(config.get("title") or repo.repo_id.name),
        hub=tools.hub,
        host=tools.hosts.of(repo.repo_id, tools.hub).client,
        creator=str(repo.creator_id or ""),
        flavour=flavour,
    )


def _opened(access: Access, repo: int) -> Repo:
    for found in access.open_all_sync(Caller.operator(), [repo], Action.CONTENT):
        if found.repo_id.type is RepoType.SPACE:
            return found
    raise RepoNotFound


def _config(folder: Path) -> dict[str, Any]:
    try:
        card = cards.parse((folder / "README.md").read_text(encoding="utf-8", errors="replace")).data
    except FileNotFoundError:
        card = {}
    except BadCard:
        card = {}  # what is wrong with it, the plan says
    return spaces.config(Observed(card=card), None)


def _answers(running: Running) -> bool:
    """Whether it speaks HTTP by now: any answer will do."""
    try:
        with sockets.dial(running.door) as wire:
            wire.settimeout(_ANSWER_SECONDS)
            wire.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return wire.recv(5) == b"HTTP/"
    except OSError:
        return False


def _nobody(_text: str) -> None:
    return
