"""Encoders that run on torch become ONNX in the background, and run on ONNX Runtime from then on (docs/decisions/0049-export.md).

After the first start of such a model it stands in a line; one at a time, a process in a sandbox writes it as ONNX and compares what
both answer. What agrees lies beside the snapshots of this machine, by the repo and the commit, and its workers end: the next ones
are made of it. What went wrong is remembered, with its reason, until this process ends; torch goes on.
"""

import asyncio
import os
import shutil
import stat
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import msgspec
from msgspec import structs

from pioche.errors import EngineFailed, HubError, OutOfSpace, Unavailable
from pioche.observe import log, metrics
from pioche.runner.running import Running
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import SCRATCH, Limits
from pioche.runner.spec import Spec as Command
from pioche.serving import choice, needs, workers
from pioche.serving.controller import own
from pioche.serving.controller.fleet import Fleet
from pioche.serving.leases import Leases
from pioche.serving.messages import Wanted
from pioche.serving.spec import EngineName, Spec

FILE = "model.onnx"
_WEIGHTS = (".safetensors", ".safetensors.index.json")
_BYTES_MAX = 1800 * 2**20
"""Of weights: one file of ONNX holds 2 GiB."""
_COPIES = 3
"""Of the weights, in memory at the same time."""
_SECONDS_MAX = 1800.0
_AGAIN_SECONDS = 60.0
_REMEMBERED_MAX = 1000
_MODEL = Path("/model")
_DONE, _WAITS, _RUNS = "done", "waiting", "running"


def can_be(spec: Spec) -> bool:
    """Whether a model of this kind can become ONNX: an encoder that runs on torch, and without a stranger's code."""
    return spec.engine is EngineName.TRANSFORMERS and choice.reads(spec.task) and not spec.code


def kind(spec: Spec) -> str:
    """What was made out of a commit, in the name of its folder. Tasks have heads of their own."""
    return f"onnx-{spec.task}"


def exported(spec: Spec) -> Spec:
    """What runs in place of it, of the folder that was made."""
    return structs.replace(spec, engine=EngineName.ONNX, files=(FILE, *_beside(spec)))


class Exports:
    """`started` and `state` are for the event loop that `keep` runs in."""

    def __init__(self, leases: Leases, sandbox: Sandbox, folder: Path, *, is_on: bool) -> None:
        """`folder` is for what is being made; each controller has its own in there."""
        self._leases = leases
        self._sandbox = sandbox
        self._folder = own.made(folder)
        self._is_on = is_on and all(find_spec(name) is not None for name in ("torch", "onnx", "onnxruntime"))
        self._line = asyncio.Queue[Wanted]()
        self._known: OrderedDict[Spec, str] = OrderedDict()
        self._running: Running | None = None

    def started(self, wanted: Wanted, engine: EngineName) -> None:
        """A worker of it, which this engine runs."""
        spec = _of_all(wanted.spec)
        if not can_be(spec):
            return
        if engine is EngineName.ONNX:
            self._known[spec] = _DONE
        elif self._is_on and self._known.get(spec, _DONE) == _DONE:  # what was done may have made room for others since
            self._stand_in_line(wanted, spec)

    def _stand_in_line(self, wanted: Wanted, spec: Spec) -> None:
        self._known[spec] = _WAITS
        while len(self._known) > _REMEMBERED_MAX:
            self._known.popitem(last=False)
        self._line.put_nowait(structs.replace(wanted, spec=spec))

    def state(self, spec: Spec) -> str:
        """waiting, running, done, why not; empty where there is nothing to be done."""
        return self._known.get(_of_all(spec), "")

    async def keep(self, fleet: Fleet) -> None:
        """One after the other. Until it is cancelled."""
        while True:
            wanted = await self._line.get()
            try:
                await self._try(wanted, fleet)
            except Unavailable:  # a model needs the memory now
                self._known[wanted.spec] = _WAITS
                asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._line.put_nowait, wanted)

    async def _try(self, wanted: Wanted, fleet: Fleet) -> None:
        spec, self._known[wanted.spec] = wanted.spec, _RUNS
        expected = needs.memory(spec.engine, wanted.size) + _COPIES * wanted.size
        try:
            with fleet.lending(expected, self._give_back):
                await asyncio.to_thread(self._export, wanted, expected)
        except Unavailable:
            raise
        except (HubError, OSError) as error:
            reason = error.message.strip() if isinstance(error, HubError) else error.strerror or str(error)
            self._known[spec] = reason
            metrics.exported("failed")
            log.warning("model not exported", repo=spec.repo, reason=reason)
            return
        self._known[spec] = _DONE
        metrics.exported("done")
        log.info("model exported", repo=spec.repo)
        await fleet.renew(spec)

    def _give_back(self) -> None:
        if self._running is not None:
            self._running.terminate(0.0)

    def _export(self, wanted: Wanted, memory_bytes: int) -> None:
        """Nothing where it is there already. Raises EngineFailed with the reason, Unavailable where it was interrupted."""
        spec = wanted.spec
        if wanted.size > _BYTES_MAX:
            raise EngineFailed(f"Weights of more than {_BYTES_MAX} bytes are not exported")
        repo, revision = self._leases.opened(wanted)
        with self._leases.snapshots.derived(repo, revision.commit, kind(spec)) as there:
            if there is not None:
                return
        with (
            self._leases.files(repo, revision, spec) as snapshot,
            self._leases.snapshots.keep(repo, revision.commit, kind(spec), wanted.size) as folder,
            _scratch(self._folder) as out,
        ):
            self._run(spec, snapshot, out, wanted.size, memory_bytes)
            _take(out / FILE, folder / FILE)
            for path in _beside(spec):
                (folder / path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                shutil.copyfile(snapshot / path, folder / path)
                (folder / path).chmod(0o444)

    def _run(self, spec: Spec, snapshot: Path, out: Path, size: int, memory_bytes: int) -> None:
        words = (str(_MODEL), str(SCRATCH), msgspec.json.encode(structs.replace(spec, threads=1)).decode())
        cores = tuple(sorted(os.sched_getaffinity(0)))[-1:]
        limits = Limits(
            memory_bytes=needs.memory_most(memory_bytes),
            cpus=cores,
            file_bytes=2 * size + 2**26,
            scratch_bytes=4 * size + 2**28,
        )
        command = (sys.executable, "-m", "pioche.serving.engines.exporting", *words)
        with self._sandbox.start(
            Command(command=command, read_only={snapshot: _MODEL}, writable=out, limits=limits)
        ) as running:
            self._running = running
            try:
                ending = running.wait(_SECONDS_MAX)
            except TimeoutError:
                raise EngineFailed(f"It was not exported within {_SECONDS_MAX:.0f} seconds") from None
            finally:
                self._running = None
            if ending.reason.startswith(workers.ASKED_TO_END):
                raise Unavailable("A model needed the memory")
            if not ending.is_clean:
                raise EngineFailed(workers.last_words(running))


def _of_all(spec: Spec) -> Spec:
    return structs.replace(spec, place="")


def _beside(spec: Spec) -> list[str]:
    return [path for path in spec.files if not path.endswith(_WEIGHTS)]


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """One that the process may reach, whoever it is."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        Path(name).chmod(0o711)  # it is entered before its user is there
        yield Path(name)


def _take(made: Path, target: Path) -> None:
    """The process could have left a link there, to a file that is not its own. Raises EngineFailed, OutOfSpace."""
    try:
        descriptor = os.open(made, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise EngineFailed(f"It left no {FILE}: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise EngineFailed(f"It left no {FILE}")
    try:
        with open(descriptor, "rb") as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, 2**20)
            os.fchmod(out.fileno(), 0o444)
    except OSError as error:
        raise OutOfSpace(f"The exported model cannot be kept: {error.strerror}") from None
