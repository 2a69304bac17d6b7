"""Which workers there are on this machine, within a budget of memory.

A worker is started once, whoever waits for it. Where there is no room, the one that was asked last longest ago ends, unless it
answers somebody now. One that nobody asks for ends by itself. One that cannot be started, or breaks down again and again, is
left alone for a while, ever longer, and what it said last is kept.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import structs

from pioche.errors import EngineFailed, Failure, HubError, ModelLoading, NotOffered, NotServed, Unavailable
from pioche.observe import log, metrics
from pioche.serving import needs
from pioche.serving.address import Address
from pioche.serving.messages import Looked, Ready, State, Wanted
from pioche.serving.spec import OF_WORKERS, Spec
from pioche.serving.worker.batcher import Stats

_POLL_SECONDS = 0.2
_LOOK_SECONDS = 1.0
_SETTLED_SECONDS = 60.0
_BACK_OFF_SECONDS = 2.0
_BACK_OFF_SECONDS_MAX = 300.0
_DRAIN_SECONDS = 10.0
_ESTIMATED_SECONDS = 10
_REMEMBERED_MAX = 1000
_ALLOWED_SECONDS = 5.0
_SILENT_SECONDS = 180.0
"""How long a worker may say nothing of itself: preparing long inputs takes it some seconds."""


class Worker(Protocol):
    """One that is ready, or was."""

    address: Address

    @property
    def ended(self) -> str | None:
        """How it ended, in words; None while it runs, as far as is known: asking for `stats` finds it out."""

    def usage(self) -> tuple[int, float]:
        """Bytes of memory, seconds of processors. Blocks."""

    def refused(self) -> str:
        """Why the code that it runs may run no more; empty while it may. Blocks."""

    async def stats(self) -> Stats:
        """What it has done so far. Raises OSError when it does not say."""

    def output(self) -> str:
        """What it wrote, the last lines of it."""

    async def end(self, seconds: float) -> None:
        """Lets it finish what it does, for so long; returns when nothing is left of it."""


class Starter(Protocol):
    async def start(self, wanted: Wanted, memory_bytes: int) -> Worker:
        """Ready to be asked. Raises HubError, with the reason."""

    def close(self) -> None:
        """Gives back what it keeps beside workers, of which none is left. Blocks."""


@dataclass(frozen=True, slots=True)
class Limits:
    memory_bytes: int
    idle_seconds: float
    code_seconds: float = 300.0
    """How long strangers' code may take for one answer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker as it is now. `running` are the requests that it answers, those that wait too; `used_at` is when it was asked
    last, on the clock `time.monotonic`."""

    state: State
    reason: str = ""
    used_at: float = 0.0
    running: int = 0
    memory_bytes: int = 0


@dataclass(slots=True, eq=False)
class _Seat:
    """Of one spec: its worker, or why there is none."""

    spec: Spec
    number: int = 0
    worker: Worker | None = None
    starting: "asyncio.Task[None] | None" = None
    ending: "asyncio.Task[None] | None" = None
    bytes_taken: int = 0
    """As expected, or as measured where that is more."""
    bytes_measured: int = 0
    cpu_seconds: float = 0.0
    started_at: float = 0.0
    used_at: float = 0.0
    stats: Stats = field(default_factory=Stats)
    answered_at: float = 0.0
    """When it said last what it does; where strangers' code runs, when it was seen last to have answered, or to be idle."""
    allowed_at: float = 0.0
    """When it was seen last that strangers' code may still run in it."""
    failures: int = 0
    failed_until: float = 0.0
    reason: str = ""

    @property
    def state(self) -> State:
        if self.worker is not None and self.ending is None:
            return State.READY
        if self.starting is not None:
            return State.STARTING
        return State.FAILED if self.failed_until > time.monotonic() else State.ABSENT

    @property
    def is_held(self) -> bool:
        return self.worker is not None or self.starting is not None or self.ending is not None


class Fleet:
    """All methods are for one event loop. `keep` has to run beside them."""

    def __init__(self, starter: Starter, limits: Limits) -> None:
        self._starter = starter
        self._limits = limits
        self._seats: dict[Spec, _Seat] = {}
        self._numbers = itertools.count(1)
        self._admitting = asyncio.Lock()
        self._lent = 0
        self._give_back: Callable[[], None] = _nothing
        self._remains = set[asyncio.Task[None]]()
        self.kept: frozenset[Spec] = frozenset()
        """Those that are not ended to make room."""

    async def worker(self, wanted: Wanted) -> Ready:
        """Raises ModelLoading when it is not ready in time, and whatever it could not be started for."""
        seat = self._seat(wanted.spec)
        if wanted.lost and wanted.lost == seat.number:
            await self._examine(seat)
        if seat.ending is not None:
            await asyncio.shield(seat.ending)
        if seat.worker is not None and seat.worker.ended is not None:
            self._broke_down(seat)
        if seat.worker is None:
            await self._started(seat, wanted)
        seat.used_at = time.monotonic()
        if seat.worker is None:  # it was ended for another in this very moment
            raise Unavailable("Too many models are asked for at once: try again in a moment")
        return Ready(seat.worker.address, seat.number)

    @contextlib.contextmanager
    def lending(self, count: int, give_back: Callable[[], None]) -> Iterator[None]:
        """Memory for something that can wait; `give_back` is called when a model needs it. Raises Unavailable."""
        if self._taken() + count > self._limits.memory_bytes:
            raise Unavailable("Models take all of the memory")
        self._lent, self._give_back = count, give_back
        try:
            yield
        finally:
            self._lent, self._give_back = 0, _nothing

    async def renew(self, spec: Spec) -> None:
        """Ends all workers of the same model, one after the other: the next ones are made of other files."""
        for seat in [seat for seat in self._seats.values() if structs.replace(seat.spec, place="") == spec]:
            await self._end(seat)

    def look(self, spec: Spec) -> Looked:
        seat = self._seats.get(spec)
        if seat is None:
            return Looked(State.ABSENT)
        if seat.worker is not None and seat.worker.ended is not None:
            self._broke_down(seat)
        return Looked(seat.state, seat.reason if seat.state in (State.FAILED, State.ABSENT) else "")

    def see(self, spec: Spec) -> Seen:
        """As `look`, with what there is to know of one that is there."""
        looked, seat = self.look(spec), self._seats.get(spec)
        if seat is None:
            return Seen(State.ABSENT)
        return Seen(looked.state, looked.reason, seat.used_at, seat.stats.running, seat.bytes_measured)

    def output(self, spec: Spec) -> str:
        """What its process wrote; empty when there is none."""
        seat = self._seats.get(spec)
        return seat.worker.output() if seat is not None and seat.worker is not None else ""

    async def end(self, spec: Spec) -> None:
        """Once it has answered what it was asked."""
        seat = self._seats.get(spec)
        if seat is not None:
            await self._end(seat)

    async def keep(self) -> None:
        """Notices who ended, ends who is idle, counts. Until it is cancelled."""
        while True:
            await self._round()
            await asyncio.sleep(_LOOK_SECONDS)

    async def close(self) -> None:
        """Ends all of them, those that start too."""
        for seat in self._seats.values():
            if seat.starting is not None:
                seat.starting.cancel()
        started = [seat.starting for seat in self._seats.values() if seat.starting is not None]
        await asyncio.gather(*started, return_exceptions=True)
        await asyncio.gather(*(self._end(seat) for seat in self._seats.values()), *self._remains)
        await asyncio.to_thread(self._starter.close)

    def _seat(self, spec: Spec) -> _Seat:
        seat = self._seats.get(spec)
        if seat is None:
            if len(self._seats) >= _REMEMBERED_MAX:
                self._seats = {spec: seat for spec, seat in self._seats.items() if seat.is_held}
            seat = self._seats[spec] = _Seat(spec)
        return seat

    # --- starting ---

    async def _started(self, seat: _Seat, wanted: Wanted) -> None:
        """Waits for the one start that there is. Raises ModelLoading, or its refusal."""
        if seat.starting is None:
            if seat.failed_until > time.monotonic():
                raise EngineFailed(seat.reason)
            seat.starting = asyncio.create_task(self._start(seat, wanted))
            seat.starting.add_done_callback(_retrieved)
        try:
            async with asyncio.timeout(wanted.seconds):
                await asyncio.shield(seat.starting)
        except TimeoutError:
            raise ModelLoading(f"Model {wanted.spec.repo} is currently loading", seconds=_ESTIMATED_SECONDS) from None

    async def _start(self, seat: _Seat, wanted: Wanted) -> None:
        began = time.monotonic()
        expected = needs.memory(wanted.spec.engine, wanted.size)
        try:
            await self._admit(seat, expected)
            seat.worker = await self._starter.start(wanted, needs.memory_most(expected))
        except HubError as error:
            seat.bytes_taken = 0
            if not isinstance(error, Unavailable | NotOffered | NotServed):
                self._failed(seat, error.message)
            raise
        except asyncio.CancelledError:
            seat.bytes_taken = 0
            raise
        finally:
            seat.starting = None
        seat.number, seat.reason, seat.stats = next(self._numbers), "", Stats()
        seat.started_at = seat.used_at = seat.answered_at = seat.allowed_at = time.monotonic()
        metrics.cold_start(wanted.spec.engine, seat.started_at - began)
        log.info("model started", repo=wanted.spec.repo, seconds=round(seat.started_at - began, 2))

    async def _admit(self, seat: _Seat, expected: int) -> None:
        """Makes room, and takes it. Raises NotOffered for more than there ever is, Unavailable when all are at work."""
        if expected > self._limits.memory_bytes:
            raise NotOffered(
                f"This model needs about {_mib(expected)} MiB of memory, and this hub has {_mib(self._limits.memory_bytes)} "
                "MiB for models (inference_memory_bytes)"
            )
        patience = time.monotonic() + _DRAIN_SECONDS
        async with self._admitting:
            while self._taken() + expected > self._limits.memory_bytes:
                if self._lent and time.monotonic() < patience:
                    self._give_back()
                    await asyncio.sleep(_POLL_SECONDS)
                    continue
                idle = await self._longest_idle()
                if idle is not None:
                    metrics.evicted()
                    log.info("model ended to make room", repo=idle.spec.repo)
                    await self._end(idle)
                elif time.monotonic() > patience:
                    raise Unavailable("Other models that are at work take all of the memory: try again in a moment")
                else:
                    await asyncio.sleep(_POLL_SECONDS)
            seat.bytes_taken = expected

    def _taken(self) -> int:
        return self._lent + sum(seat.bytes_taken for seat in self._seats.values())

    async def _longest_idle(self) -> _Seat | None:
        ready = [seat for seat in self._seats.values() if seat.state is State.READY and seat.spec not in self.kept]
        for seat in sorted(ready, key=lambda seat: seat.used_at):
            await self._look_at(seat)
            if seat.state is State.READY and not seat.stats.running:
                return seat
        return None

    # --- watching ---

    async def _round(self) -> None:
        for seat in list(self._seats.values()):
            if seat.worker is None or seat.ending is not None:
                continue
            await self._look_at(seat)
            await self._end_if_it_hangs(seat)
            await self._end_if_refused(seat)
            idle = 0.0 if seat.spec.place else time.monotonic() - seat.used_at  # deployments say themselves how long
            if seat.state is State.READY and not seat.stats.running and idle > self._limits.idle_seconds:
                log.info("idle model ended", repo=seat.spec.repo)
                await self._end(seat)
        states = [seat.state for seat in self._seats.values()]
        metrics.replicas({state: states.count(state) for state in State if state is not State.ABSENT})
        for engine in OF_WORKERS:
            metrics.resident(engine, sum(s.bytes_measured for s in self._seats.values() if s.spec.engine is engine))

    async def _look_at(self, seat: _Seat) -> None:
        """Asks the worker what it did; one that ended is noticed."""
        worker = seat.worker
        if worker is None:
            return
        if worker.ended is not None:
            self._broke_down(seat)
            return
        with contextlib.suppress(OSError, TimeoutError):  # too busy to say: then it is not idle
            found = await worker.stats()
            if found.requests != seat.stats.requests or found.running:
                seat.used_at = time.monotonic()
            if not (seat.spec.code and found.running) or found.batches != seat.stats.batches:
                seat.answered_at = time.monotonic()
            metrics.batches(seat.spec.task, found.batches - seat.stats.batches, found.batched - seat.stats.batched)
            seat.stats = found
        taken, seconds = await asyncio.to_thread(worker.usage)
        seat.bytes_taken = max(seat.bytes_taken, taken)
        metrics.worked(seat.spec.engine, max(0.0, seconds - seat.cpu_seconds))
        seat.cpu_seconds, seat.bytes_measured = seconds, taken

    async def _examine(self, seat: _Seat) -> None:
        """Somebody's connection to it broke: does it still live? Its end may be known a moment later."""
        worker = seat.worker
        if worker is None or seat.ending is not None:
            return
        deadline = time.monotonic() + _LOOK_SECONDS
        while worker.ended is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError, TimeoutError):
                await worker.stats()
                return
            await asyncio.sleep(_POLL_SECONDS)
        if worker.ended is None:
            await self._end(seat)

    async def _end_if_it_hangs(self, seat: _Seat) -> None:
        """What neither answers nor ends: strangers' code, a tokenizer whose patterns never end. Whoever waits is told why."""
        most = self._limits.code_seconds if seat.spec.code else _SILENT_SECONDS
        worker = seat.worker
        if worker is None or time.monotonic() - seat.answered_at <= most:
            return
        self._clear(seat)
        self._failed(
            seat, f"The model's {'code' if seat.spec.code else 'process'} gave no answer within {most:.0f} seconds"
        )
        await worker.end(0.0)

    async def _end_if_refused(self, seat: _Seat) -> None:
        """Whoever let its code run may have taken the word back: the next start says so."""
        worker = seat.worker
        if not seat.spec.code or worker is None or time.monotonic() - seat.allowed_at < _ALLOWED_SECONDS:
            return
        try:
            refused = await asyncio.to_thread(worker.refused)
        except Failure as error:  # of the database: it is asked again
            log.fault("code of a model not looked after", error)
            return
        if refused:
            log.info("model ended", repo=seat.spec.repo, reason=refused)
            await self._end(seat)
        seat.allowed_at = time.monotonic()

    def _broke_down(self, seat: _Seat) -> None:
        """It ended by itself. The first time it is started again at once, when it is asked for."""
        assert seat.worker is not None  # noqa: S101 - the caller looked
        reason = seat.worker.ended or ""
        lived = time.monotonic() - seat.started_at
        if lived > _SETTLED_SECONDS:
            seat.failures = 0
        remains = asyncio.create_task(seat.worker.end(0.0))  # what it held is given back
        self._remains.add(remains)
        remains.add_done_callback(self._remains.discard)
        self._clear(seat)
        self._failed(seat, f"The model's process {reason}", free=1)

    def _failed(self, seat: _Seat, reason: str, *, free: int = 0) -> None:
        """`free`: so many failures cost no time."""
        seat.failures += 1
        seat.reason = reason
        waits = seat.failures - free
        delay = min(_BACK_OFF_SECONDS * 2 ** (waits - 1), _BACK_OFF_SECONDS_MAX) if waits > 0 else 0.0
        seat.failed_until = time.monotonic() + delay
        metrics.inference_error("worker")
        log.warning("model failed", repo=seat.spec.repo, reason=reason, again_s=delay)

    # --- ending ---

    async def _end(self, seat: _Seat) -> None:
        """What it is asked meanwhile waits, and starts it again."""
        if seat.ending is None:
            if seat.worker is None:
                return
            seat.ending = asyncio.create_task(self._ended(seat, seat.worker))
        await asyncio.shield(seat.ending)

    async def _ended(self, seat: _Seat, worker: Worker) -> None:
        try:
            await worker.end(_DRAIN_SECONDS)
        finally:
            seat.ending = None
            self._clear(seat)

    def _clear(self, seat: _Seat) -> None:
        seat.worker, seat.bytes_taken, seat.bytes_measured, seat.cpu_seconds = None, 0, 0, 0.0


def _nothing() -> None:
    """There is nothing to give back."""


def _mib(count: int) -> int:
    return count // 2**20


def _retrieved(task: "asyncio.Task[None]") -> None:
    """Whoever waited was told; where nobody did any more, the log has it."""
    if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, Failure | HubError):
        log.fault("model not started", error)
