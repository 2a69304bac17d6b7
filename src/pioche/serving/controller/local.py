"""Workers in sandboxes on this machine."""

import asyncio
import http.client
import secrets
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec

from pioche.repos.access import Repo
from pioche.repos.revisions import Revision
from pioche.runner import sockets
from pioche.runner.running import Watched
from pioche.runner.spec import Limits
from pioche.serving import workers
from pioche.serving.address import Address
from pioche.serving.controller import exports as exporting
from pioche.serving.controller import own
from pioche.serving.controller.cores import Cores
from pioche.serving.controller.exports import Exports
from pioche.serving.controller.warm import Warm
from pioche.serving.leases import Leases
from pioche.serving.messages import Wanted
from pioche.serving.spec import EngineName, Spec
from pioche.serving.worker.batcher import Stats

_LOAD_SECONDS = 120.0
_STATS_SECONDS = 2.0
_STARTS = 4
"""Workers that are started at the same time."""

_stats = msgspec.json.Decoder(Stats)


class LocalWorker:
    """A `fleet.Worker`."""

    def __init__(
        self, running: Watched, folder: Path, engine: EngineName, held: ExitStack, refused: Callable[[], str]
    ) -> None:
        self.address = Address(folder=str(folder))
        self.engine = engine
        self._folder = folder
        self._running = running
        self._refused = refused
        self._held = held
        self._closing = threading.Lock()

    @property
    def ended(self) -> str | None:
        ending = self._running.ending
        return None if ending is None else ending.reason

    def usage(self) -> tuple[int, float]:
        return self._running.memory(), self._running.cpu_seconds()

    def refused(self) -> str:
        return self._refused()

    def output(self) -> str:
        return self._running.log.text

    async def stats(self) -> Stats:
        async with asyncio.timeout(_STATS_SECONDS):
            return await asyncio.to_thread(self._stats)

    async def end(self, seconds: float) -> None:
        await asyncio.to_thread(self._end, seconds)

    def _stats(self) -> Stats:
        asking = http.client.HTTPConnection("worker", timeout=_STATS_SECONDS)
        try:
            asking.sock = sockets.connect(self._folder, workers.SOCKET)
            asking.sock.settimeout(_STATS_SECONDS)
            asking.request("GET", "/stats")
            return _stats.decode(asking.getresponse().read())
        except (http.client.HTTPException, msgspec.DecodeError) as error:
            raise ConnectionError(str(error)) from None
        finally:
            asking.close()

    def _end(self, seconds: float) -> None:
        self._running.terminate(seconds)
        with self._closing:
            try:
                self._running.wait(seconds + _STATS_SECONDS)
            except TimeoutError:
                pass  # closing kills it
            finally:
                self._held.close()


class Local:
    """A `fleet.Starter`. `folder` is where sockets lie; each controller has its own in there."""

    def __init__(self, leases: Leases, warm: Warm, folder: Path, cores: Cores, exports: Exports | None = None) -> None:
        self._leases = leases
        self._warm = warm
        self._cores = cores
        self._exports = exports
        self._threads = ThreadPoolExecutor(_STARTS, "starting")
        self._folder = own.made(folder)

    async def start(self, wanted: Wanted, memory_bytes: int) -> LocalWorker:
        starting = asyncio.get_running_loop().run_in_executor(self._threads, self._start, wanted, memory_bytes)
        try:
            started = await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_dropped)
            raise
        if self._exports is not None:
            self._exports.started(wanted, started.engine)
        return started

    def close(self) -> None:
        self._warm.close()

    def _start(self, wanted: Wanted, memory_bytes: int) -> LocalWorker:
        spec = wanted.spec
        with ExitStack() as stack:
            repo, revision = self._leases.opened(wanted)
            spec, snapshot = self._files(stack, repo, revision, spec)
            folder = self._folder / secrets.token_hex(8)
            folder.mkdir()
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            cpus = stack.enter_context(self._cores.taken(spec.threads))
            limits = Limits(memory_bytes=memory_bytes, cpus=cpus)
            running = stack.enter_context(self._warm.started(spec, snapshot, folder, limits))
            workers.ready(running, _LOAD_SECONDS)
            refused = partial(self._leases.refused, wanted)
            return LocalWorker(running, folder, spec.engine, stack.pop_all(), refused)

    def _files(self, stack: ExitStack, repo: Repo, revision: Revision, spec: Spec) -> tuple[Spec, Path]:
        """What the worker runs, and of which folder: of the model exported, where it is."""
        if exporting.can_be(spec):
            derived = self._leases.snapshots.derived(repo, revision.commit, exporting.kind(spec))
            if (folder := stack.enter_context(derived)) is not None:
                return exporting.exported(spec), folder
        return spec, stack.enter_context(self._leases.files(repo, revision, spec))


def _dropped(starting: "asyncio.Future[LocalWorker]") -> None:
    """Nobody waits for it any more."""
    if not starting.cancelled() and starting.exception() is None:
        starting.result()._end(0.0)
