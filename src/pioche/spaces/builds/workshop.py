"""The sandbox of a build: commands run in it one after the other, within limits, and what they print goes to a log."""

import json
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pioche.errors import NotBuilt
from pioche.runner.running import Running
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import SCRATCH, Ending, Limits, Spec
from pioche.spaces.builds import gateway, inside
from pioche.spaces.builds.index import Index
from pioche.spaces.builds.redaction import Redaction, Say
from pioche.spaces.builds.registry import Registry
from pioche.spaces.spec import Stage

_MIB = 2**20
_NICE = 10
"""Whoever waits for a page comes before whoever waits for a build."""
_SOCKETS = Path("/index")
_GRACE_S = 2.0
_LOOK_S, _END_S = 0.5, 60.0


@dataclass(frozen=True, kw_only=True)
class Caps:
    """What one build may take."""

    seconds: int = 1800
    memory_bytes: int = 4096 * _MIB
    disk_bytes: int = 16384 * _MIB
    download_bytes: int = 8192 * _MIB
    processes: int = 256
    files: int = 1_000_000
    """Those in uv's cache count, and so do their links in the environment."""
    cpus: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str = str(SCRATCH)


@dataclass(frozen=True)
class Tools:
    """What every build of this machine has."""

    sandbox: Sandbox
    index: Index
    registry: Registry
    caps: Caps


class Workshop:
    """For one build: its folder is its scratch folder in each run, and its time is that of all runs together."""

    def __init__(self, tools: Tools, folder: Path, told: Redaction, stop: threading.Event | None = None) -> None:
        """`stop`, once it is set, ends what runs."""
        self._stop = stop or threading.Event()
        self.folder = folder / "scratch"
        self.folder.mkdir()
        self._home, self._tools, self._caps, self._told = folder, tools, tools.caps, told
        self._until = time.monotonic() + tools.caps.seconds
        self._taken = 0
        self.problems = 0
        """How often the package index did not answer: nothing that the requirements could mend."""

    def run(
        self, steps: Sequence[Step], read_only: Mapping[Path, Path], *, with_index: bool, say: Say | None = None
    ) -> Ending:
        """Returns how it ended, where the commands' own code says it. Raises NotBuilt when a limit was passed,
        SandboxTooWeak, StartFailed."""
        with ExitStack() as opened:
            account, mounted = None, dict(read_only)
            if with_index:
                wires = self._home / "index"
                wires.mkdir(exist_ok=True)
                wires.chmod(0o755)
                (wires / "http").unlink(missing_ok=True)
                left = self._caps.download_bytes - self._taken
                account = opened.enter_context(
                    gateway.serving(self._tools.index, self._tools.registry, wires / "http", left)
                )
                mounted[wires] = _SOCKETS
            running = opened.enter_context(self._tools.sandbox.start(self._spec(steps, mounted, with_index=with_index)))
            ending = self._followed(running, say or self._told)
        if account is not None:
            self._taken += account.taken
            self.problems += len(account.problems)
            for problem in account.problems:
                self._told(problem)
            if account.is_over:
                raise _over(f"It asks for more than {self._caps.download_bytes // _MIB} MiB of packages")
        if self._stop.is_set():
            raise NotBuilt("The build was stopped: nobody waits for it any more", stage=Stage.STOPPED)
        if time.monotonic() >= self._until:
            raise _over(f"It took more than {self._caps.seconds} seconds")
        if ending.code is None or ending.is_over_memory:
            raise _over(f"It was {ending.reason}")
        if _size(self.folder) > self._caps.disk_bytes:  # quicker than its keeper looks
            raise _over(f"It wrote more than {self._caps.disk_bytes // _MIB} MiB")
        return ending

    def _spec(self, steps: Sequence[Step], read_only: Mapping[Path, Path], *, with_index: bool) -> Spec:
        caps = self._caps
        orders = {"commands": [asdict(step) for step in steps], "socket": str(_SOCKETS / "http") if with_index else ""}
        return Spec(
            command=(sys.executable, "-I", "-S", str(Path(inside.__file__).resolve()), json.dumps(orders)),
            read_only=read_only,
            writable=self.folder,
            environment={"PYTHONPATH": "", "SYSTEM": "spaces"},
            remote_code=True,
            limits=Limits(
                memory_bytes=caps.memory_bytes,
                scratch_bytes=caps.disk_bytes,
                file_bytes=caps.disk_bytes,
                scratch_files=caps.files,
                processes=caps.processes,
                nice=_NICE,
                open_files=4096,
                cpus=caps.cpus,
            ),
        )

    def _followed(self, running: Running, say: Say) -> Ending:
        """Its log, line by line, until it has ended, its time is up, or nobody wants it any more."""
        first = 0
        while True:
            for line in running.log.follow(first, patience=_LOOK_S):
                first = line.number + 1
                if not (running.log.is_closed and line.text.startswith("[") and line.text.endswith("]")):
                    say(self._told.redacted(line.text))
                if self._is_over:
                    break
            if self._is_over:
                running.terminate(_GRACE_S)
                return running.wait(_END_S)
            if running.log.is_closed:
                return running.wait()

    @property
    def _is_over(self) -> bool:
        return self._stop.is_set() or time.monotonic() >= self._until


def _size(folder: Path) -> int:
    """Bytes on disk; files of several names count once. Links are not followed."""
    found = dict[int, int]()
    for place, _, names in os.walk(folder):
        for name in names:
            status = os.lstat(Path(place, name))
            found[status.st_ino] = status.st_blocks * 512
    return sum(found.values())


def _over(message: str) -> NotBuilt:
    return NotBuilt(f"The build was stopped: {message}", stage=Stage.BUILD_ERROR)
