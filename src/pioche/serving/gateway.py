"""What a web process has models answer through: it asks the controller for a worker once, and then the worker itself.

Nothing is lost when a worker ends between two requests, or in the middle of one: it is asked for again, once. What a model is
asked changes nothing, so that asking twice does no harm.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from pioche import frames
from pioche.config import Config
from pioche.errors import (
    EngineFailed,
    HubError,
    InvalidInput,
    ModelLoading,
    NotOffered,
    TooManyRequests,
    Unavailable,
)
from pioche.observe import metrics, traces
from pioche.serving import messages, offers
from pioche.serving.messages import (
    Look,
    Looked,
    Output,
    Question,
    Ready,
    Reply,
    State,
    Wanted,
    Written,
)
from pioche.serving.offers import Serves
from pioche.serving.spec import Ask, Refusal, Spec
from pioche.serving.targets import Target, Targets
from pioche.serving.wire import Answer, Broken, Wire

_ATTEMPTS = 2
_BUSY_SECONDS = 2
_WIRES_KEPT = 256
_UNAVAILABLE = 503
_LEFT = 499
"""What nginx calls it when the client went away."""

_refusal = msgspec.json.Decoder(Refusal)
_encoder = msgspec.json.Encoder()


class Gateway:
    """`socket` is the controller's; None: this hub serves no models. For one event loop, except `targets`."""

    def __init__(
        self, socket: Path | None, targets: Targets, wait_seconds: float, serves: Serves | None = None
    ) -> None:
        self.targets = targets
        self.serves = serves
        """Of which models it would have an answer, for lists."""
        self._socket = socket
        self._wait_seconds = wait_seconds
        self._wires: OrderedDict[Spec, Wire] = OrderedDict()

    @classmethod
    def of(cls, config: Config) -> "Gateway":
        socket = Path(config.inference_socket) if config.inference_socket else None
        return cls(
            socket,
            Targets(config.inference_cores, runs_code=config.runs_code),
            config.inference_wait_seconds,
            offers.of(config),
        )

    @property
    def is_on(self) -> bool:
        return self._socket is not None

    async def ask(self, target: Target, ask: Ask, *, seconds: float | None = None) -> Answer:
        """What the model says, in the shape of the task API, or in pieces where it streams. `seconds` is how long to wait for
        its start. Raises InvalidInput, ModelLoading, EngineFailed, Unavailable, NotOffered, TooManyRequests."""
        counted = _Counted(target.spec.task)
        try:
            answer = await self._answer(target, _encoder.encode(ask), self._patience(seconds))
        except HubError as error:
            metrics.inference_error(_kind(error))
            counted.end(error.status)
            raise
        except BaseException:
            counted.end(_LEFT)
            raise
        if answer.pieces is None:
            counted.end(answer.status)
        else:
            answer.pieces = counted.through(answer.pieces)
        return answer

    async def look(self, target: Target) -> Looked:
        """How it is, without starting it."""
        try:
            reply = await self._exchange(Look(target.spec), seconds=1.0)
        except (Unavailable, ModelLoading):
            return Looked(State.ABSENT)
        return reply if isinstance(reply, Looked) else Looked(State.ABSENT)

    async def output(self, deployment: int, replica: int) -> str:
        """What the process of a deployment wrote on this machine, the last of it. Raises Unavailable, NotOffered."""
        reply = await self._exchange(Output(deployment, replica), seconds=5.0)
        return reply.text if isinstance(reply, Written) else ""

    def close(self) -> None:
        while self._wires:
            self._wires.popitem()[1].close()

    def _patience(self, seconds: float | None) -> float:
        return self._wait_seconds if seconds is None else max(0.0, min(seconds, self._wait_seconds))

    async def _answer(self, target: Target, body: bytes, seconds: float) -> Answer:
        lost = 0
        for _ in range(_ATTEMPTS):
            wire = self._wires.get(target.spec)
            if wire is None or wire.number == lost:
                wire = await self._wire(target, seconds, lost)
            try:
                answer = await _traced(wire, target.spec, body)
            except Broken:
                self._forget(target.spec, wire)
                lost = wire.number
                continue
            return answer if answer.status < 300 else _refused(answer)
        looked = await self.look(target)
        raise EngineFailed(looked.reason or "The model's process ended while it answered")

    async def _wire(self, target: Target, seconds: float, lost: int) -> Wire:
        began = time.perf_counter()
        span = traces.child("wait for worker", traces.CLIENT, {"engine": target.spec.engine.value})
        try:
            wanted = Wanted(target.spec, target.repo, target.size, seconds, lost)
            reply = await self._exchange(wanted, seconds=seconds + 10)
        finally:
            span.end()
        metrics.waited_for_worker(target.spec.task, time.perf_counter() - began)
        if not isinstance(reply, Ready):
            raise Unavailable("Models cannot be asked at this moment: try again")
        known = self._wires.get(target.spec)
        if known is not None and known.number == reply.number:
            return known
        if known is not None:
            known.close()
        self._wires[target.spec] = wire = Wire(reply.address, reply.number)
        while len(self._wires) > _WIRES_KEPT:
            self._wires.popitem(last=False)[1].close()
        return wire

    def _forget(self, spec: Spec, wire: Wire) -> None:
        wire.close()
        if self._wires.get(spec) is wire:
            del self._wires[spec]

    async def _exchange(self, question: Question, *, seconds: float) -> Reply:
        """Raises what the controller refused with."""
        if self._socket is None:
            raise NotOffered("This hub serves no models: its setting inference is off")
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                try:
                    writer.write(messages.framed(question))
                    message = await frames.read(reader, bytes_max=messages.MESSAGE_BYTES_MAX)
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            message = None
        if message is None:
            raise Unavailable("Models cannot be asked at this moment: try again")
        reply = messages.reply_decoder.decode(message)
        if isinstance(reply, messages.Refused):
            raise messages.refusal(reply)
        return reply


async def _traced(wire: Wire, spec: Spec, body: bytes) -> Answer:
    """The worker's time is a part of the request's, to the last piece of its answer."""
    span = traces.child("worker", traces.CLIENT, {"engine": spec.engine.value, "task": spec.task})
    try:
        answer = await wire.ask("/infer", body, span.header)
    except BaseException as error:
        span.end("the worker ended" if isinstance(error, Broken) else "")
        raise
    if answer.pieces is None:
        span.end("the model failed" if answer.status >= 500 else "")
    else:
        answer.pieces = traces.through(span, answer.pieces)
    return answer


class _Counted:
    """A request, until its answer is whole."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._began = time.perf_counter()
        metrics.inference_began()

    def end(self, code: int) -> None:
        metrics.inference_ended()
        metrics.inference(self._task, code, time.perf_counter() - self._began)

    async def through(self, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """Raises EngineFailed when the worker ends in the middle."""
        code, is_first = _LEFT, True
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    if is_first:
                        metrics.first_token(self._task, time.perf_counter() - self._began)
                        is_first = False
                    yield piece
            code = 200
        except Broken:
            code = EngineFailed.status
            metrics.inference_error("worker")
            raise EngineFailed("The model's process ended while it answered") from None
        finally:
            self.end(code)


def _refused(answer: Answer) -> Answer:
    """Raises what a worker refused with."""
    try:
        said = _refusal.decode(answer.body)
    except msgspec.DecodeError:
        said = Refusal("The model gave no answer")
    if answer.status == InvalidInput.status and said.field:
        raise InvalidInput(said.field, said.error.removeprefix(f"{said.field}: "))
    if answer.status == _UNAVAILABLE:
        raise TooManyRequests(said.error, seconds=_BUSY_SECONDS)
    if answer.status == NotOffered.status:
        raise NotOffered(said.error)
    raise EngineFailed(said.error)


def _kind(error: HubError) -> str:
    if error.status < 500:
        return "input"
    if isinstance(error, ModelLoading):
        return "loading"
    return "engine" if isinstance(error, EngineFailed) else "other"
