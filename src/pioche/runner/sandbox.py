"""Where processes are started: what this machine can do, found out by trying, and one door for all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pioche.config import Config
from pioche.errors import SandboxTooWeak, StartFailed
from pioche.runner import leftovers, plans, users
from pioche.runner.running import Running
from pioche.runner.spec import LEAST_FOR_CODE, NEEDED_FOR_WAYS, Level, Spec

_PROBE_S = 20.0


@dataclass(frozen=True)
class Found:
    """What this machine can do."""

    level: Level | None
    """None: not even limits work."""
    refusals: dict[Level, str] = field(default_factory=dict)
    """Why the levels above do not."""


class Sandbox:
    """Starts processes at the highest level that this machine has. All methods may be called from any thread.

    `folder` is this hub's alone, such as `DATA/cache/sandboxes`; `hidden` are folders that no process may see, whatever lies
    around them. `most` keeps it from going higher, for tests.
    """

    def __init__(
        self, folder: Path, *, least: Level = Level.LIMITS, hidden: tuple[Path, ...] = (), most: Level = Level.FULL
    ) -> None:
        self.least = least
        self.folder, self._most = folder.resolve(), most
        self._hidden = tuple(path.resolve() for path in hidden)
        self._bwrap = shutil.which("bwrap", path=plans.PATH) or ""
        self._found: Found | None = None

    def find_out(self) -> Found:
        """Tries the levels, highest first, once; also removes what earlier runs left behind."""
        if self._found is None:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
            leftovers.sweep(self.folder)
            self._found = self._try_levels()
        return self._found

    def demand(self, *, remote_code: bool = False) -> Level:
        """The level that processes are started at. Raises SandboxTooWeak, which says what is missing."""
        found = self.find_out()
        least = max(self.least, LEAST_FOR_CODE) if remote_code else self.least
        if found.level is None or found.level < least:
            has = "none" if found.level is None else found.level.word
            why = "; ".join(f"{level.word}: {reason}" for level, reason in found.refusals.items() if level >= least)
            raise SandboxTooWeak(f"It needs a sandbox of level {least.word} or better, and here is {has} ({why})")
        return found.level

    def start(self, spec: Spec) -> Running:
        """Starts a process. Returns when the command runs, locked in. Raises SandboxTooWeak, StartFailed."""
        level = self.demand(remote_code=spec.remote_code)
        if level < NEEDED_FOR_WAYS and (spec.serves_port is not None or spec.reaches):
            raise SandboxTooWeak(
                f"It needs a network of its own, and that takes level {NEEDED_FOR_WAYS.word}; here is {level.word}"
            )
        return self._start(spec, level)

    def _try_levels(self) -> Found:
        refusals = dict[Level, str]()
        for level in sorted(Level, reverse=True):
            if level > self._most:
                continue
            reason = self._try(level)
            if not reason:
                return Found(level, refusals)
            refusals[level] = reason
        return Found(None, refusals)

    def _try(self, level: Level) -> str:
        """Why it does not work, or nothing."""
        try:
            with self._start(Spec(command=("/bin/sh", "-c", "exit 0")), level) as running:
                ending = running.wait(_PROBE_S)
        except StartFailed as error:
            return error.message
        except TimeoutError:
            return f"a process that does nothing took {_PROBE_S:.0f} seconds"
        return "" if ending.is_clean else ending.reason

    def _start(self, spec: Spec, level: Level) -> Running:
        if level >= Level.NAMESPACES and not self._bwrap:
            raise StartFailed("bubblewrap (bwrap) is not installed")
        home = self.folder / secrets.token_hex(6)
        with _removed_on_failure(home):
            home.mkdir(mode=0o711)
            running = Running(home, level, spec)
            try:
                user = users.own(running.keeper) if users.can_change(level) else None
                place = plans.Place(home, user, self._hidden, self._bwrap, running.ways.door, running.ways.exits)
                job = plans.job(spec, level, place)
                _furnish(spec, place)
                running.begin(job)
            except OSError as error:
                running.close()
                raise StartFailed(error.strerror or str(error)) from None
            except BaseException:
                running.close()
                raise
            return running


def of(config: Config) -> Sandbox:
    """The hub's. It has done nothing yet."""
    least = Level[config.sandbox.upper()]
    return Sandbox(config.data_dir / "cache" / "sandboxes", least=least, hidden=(config.data_dir,))


@contextmanager
def _removed_on_failure(home: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        leftovers.remove(home)
        raise


def _furnish(spec: Spec, place: plans.Place) -> None:
    """Makes the folders that a run has, and gives them to its user."""
    number = 1000 if place.user is None else place.user
    (place.home / "passwd").write_text(f"user:x:{number}:{number}::/scratch:/bin/sh\n")
    (place.home / "group").write_text(f"user:x:{number}:\n")
    (place.home / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (place.home / "nsswitch.conf").write_text("hosts: files\n")
    scratch = plans.scratch(spec, place)
    scratch.mkdir(exist_ok=True, mode=0o700)
    for folder in (scratch, spec.socket_dir):
        if folder is not None and place.user is not None:
            users.give(folder, place.user)
    for name in plans.OWN_CONFIGURATION:
        os.chmod(place.home / name, 0o644)
