"""What a worker answers.

POST /infer    an Ask; the answer in the shape of the task API, or a Refusal with its status. What was asked to stream comes as
               server-sent events: a failure after the first is an event {"error": ...}
GET  /health   200 once the model has answered a first time
GET  /stats    Stats of the batcher
"""

import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType

import msgspec

from pioche.errors import HubError, InvalidInput, MethodNotAllowed, NotFound
from pioche.serving.engines import AnyEngine, ParallelEngine, events
from pioche.serving.engines.media import Media
from pioche.serving.spec import Ask, Refusal, Spec
from pioche.serving.worker.batcher import Batcher, Stats
from pioche.serving.worker.http import Reply, Request, Stream
from pioche.serving.worker.lanes import Lanes

_ask = msgspec.json.Decoder(Ask)


class Service:
    def __init__(self, spec: Spec, engine: AnyEngine) -> None:
        self._spec = spec
        self._engine = engine
        self._runner: Batcher | Lanes = Lanes(engine) if isinstance(engine, ParallelEngine) else Batcher(engine)
        self._running = 0

    async def __aenter__(self) -> "Service":
        await self._runner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.__aexit__(kind, error, trace)

    async def answer(self, request: Request) -> Reply | Stream:
        try:
            answer = await self._answer(request)
            if isinstance(answer, Media):
                return Reply(200, answer.content, answer.content_type)
            return answer if isinstance(answer, Stream) else Reply(200, msgspec.json.encode(answer))
        except HubError as error:
            field = error.field if isinstance(error, InvalidInput) else ""
            if error.status >= 500 and request.trace:
                print(f"{error.message} (trace {request.trace})", file=sys.stderr)
            return Reply(error.status, msgspec.json.encode(Refusal(error.message, field)))

    async def _answer(self, request: Request) -> object:
        match request.method, request.path:
            case "POST", "/infer":
                return await self._infer(_read(request.body))
            case "GET", "/health":
                return {"repo": self._spec.repo, "commit": self._spec.commit, "task": self._spec.task}
            case "GET", "/stats":
                return self._stats()
            case _, "/infer":
                raise MethodNotAllowed(request.method, ["POST"])
        raise NotFound("There is nothing here")

    async def _infer(self, ask: Ask) -> object:
        work = self._engine.prepare(ask)
        if not isinstance(self._runner, Lanes) or not work.streams:
            self._running += 1
            try:
                return await self._runner.infer(work)
            finally:
                self._running -= 1
        pieces = self._runner.stream(work)
        # What goes wrong before the first piece has a status still.
        return Stream(_events(ask.task, await anext(pieces, b""), pieces))

    def _stats(self) -> Stats:
        """A stream runs until it is whole or closed; the runner has it."""
        stats = self._runner.stats()
        return msgspec.structs.replace(stats, running=max(stats.running, self._running))


async def _events(task: str, first: bytes, others: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(others):
        if first:
            yield first
        try:
            async for piece in others:
                yield piece
        except HubError as error:
            yield events.failure(task, error.message)


def _read(body: bytes) -> Ask:
    try:
        return _ask.decode(body)
    except msgspec.DecodeError as error:
        raise InvalidInput("body", str(error)) from None
