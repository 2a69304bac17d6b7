"""Workers that start in a second where their libraries take several to load: forks of a process that has loaded them.

For models that are data alone (safetensors). There is one such process, made when the first worker needs it, and ended when it
has had no fork for a while; where this machine cannot keep forks apart there is none, and workers start as all others do.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pioche.errors import SandboxTooWeak, StartFailed
from pioche.observe import log
from pioche.runner.running import Watched
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import Limits
from pioche.runner.zygotes import Zygote
from pioche.serving import workers
from pioche.serving.spec import EngineName, Spec

MODULES = (
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "pioche.serving.engines.transformers.language",
    "pioche.serving.engines.pipelines",
    "pioche.serving.worker.process",
)
ENGINES = frozenset((EngineName.TRANSFORMERS, EngineName.PIPELINES))
"""Those that `MODULES` are for."""
_OWN_BYTES = 2**30
_PROCESSES = 4096
_SCRATCH_BYTES = 2**30


class Warm:
    """Methods may be called from any thread. `snapshots` is the folder that all snapshots lie in, `memory_bytes` what all models
    may take together."""

    def __init__(
        self,
        sandbox: Sandbox,
        snapshots: Path,
        memory_bytes: int,
        idle_seconds: float,
        *,
        engines: frozenset[EngineName] = ENGINES,
        modules: tuple[str, ...] = MODULES,
    ) -> None:
        self._sandbox = sandbox
        self._snapshots = snapshots
        self._limits = Limits(
            memory_bytes=2 * memory_bytes + _OWN_BYTES, processes=_PROCESSES, scratch_bytes=_SCRATCH_BYTES
        )
        self._idle_seconds = idle_seconds
        self._engines = engines
        self._modules = modules
        self._lock = threading.Lock()
        self._parent: Zygote | None = None
        self._forks = 0
        self._ending: threading.Timer | None = None
        self._refused = False

    @contextmanager
    def started(self, spec: Spec, snapshot: Path, sockets: Path, limits: Limits) -> Iterator[Watched]:
        """A worker, as a fork where it can be one. Raises as `workers.start`."""
        if spec.code or spec.engine not in self._engines or (parent := self._taken()) is None:
            with workers.start(self._sandbox, spec, snapshot, sockets, limits) as running:
                yield running
            return
        try:
            with self._forked(parent, spec, snapshot, sockets, limits) as running:
                yield running
        finally:
            self._given_back()

    def close(self) -> None:
        """Ends the process, and its forks with it."""
        with self._lock:
            if self._ending is not None:
                self._ending.cancel()
            self._end()

    def _forked(self, parent: Zygote, spec: Spec, snapshot: Path, sockets: Path, limits: Limits) -> Watched:
        try:
            return workers.fork(parent, spec, snapshot, sockets, limits)
        except StartFailed as error:
            log.warning("model not forked", repo=spec.repo, reason=error.message)
            return workers.start(self._sandbox, spec, snapshot, sockets, limits)

    def _taken(self) -> Zygote | None:
        """The process, for one more fork. It is made where there is none; whoever needs it too waits meanwhile."""
        with self._lock:
            if self._ending is not None:
                self._ending.cancel()
                self._ending = None
            if self._parent is not None and self._parent.running.ending is not None:
                self._end()
            if self._parent is None and not self._refused:
                self._begin()
            self._forks += self._parent is not None
            return self._parent

    def _begin(self) -> None:
        self._snapshots.mkdir(parents=True, exist_ok=True)
        try:
            self._parent = Zygote(self._sandbox, self._snapshots, self._modules, self._limits)
        except SandboxTooWeak as error:
            self._refused = True
            log.info("models start cold", reason=error.message)
        except StartFailed as error:  # it may do better the next time
            log.warning("models start cold", reason=error.message)

    def _given_back(self) -> None:
        with self._lock:
            self._forks -= 1
            if not self._forks:
                self._ending = threading.Timer(self._idle_seconds, self._end_idle)
                self._ending.daemon = True
                self._ending.start()

    def _end_idle(self) -> None:
        with self._lock:
            if not self._forks:
                self._end()

    def _end(self) -> None:
        if self._parent is not None:
            self._parent.close()
            self._parent = None
