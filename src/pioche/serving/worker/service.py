"""What a worker answers.

POST /infer    an Ask; the answer in the shape of the task API, or a Refusal with its status
GET  /health   200 once the model has answered a first time
GET  /stats    Stats of the batcher
"""

from types import TracebackType
from typing import Any

import msgspec

from pioche.errors import HubError, InvalidInput, MethodNotAllowed, NotFound
from pioche.serving.engines import Engine
from pioche.serving.spec import Ask, Refusal, Spec
from pioche.serving.worker.batcher import Batcher
from pioche.serving.worker.http import Reply, Request

_ask = msgspec.json.Decoder(Ask)


class Service:
    def __init__(self, spec: Spec, engine: Engine[Any]) -> None:
        self._spec = spec
        self._engine = engine
        self._batcher = Batcher(engine)
        self._running = 0

    async def __aenter__(self) -> "Service":
        await self._batcher.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._batcher.__aexit__(kind, error, trace)

    async def answer(self, request: Request) -> Reply:
        try:
            return Reply(200, msgspec.json.encode(await self._answer(request)))
        except HubError as error:
            field = error.field if isinstance(error, InvalidInput) else ""
            return Reply(error.status, msgspec.json.encode(Refusal(error.message, field)))

    async def _answer(self, request: Request) -> object:
        match request.method, request.path:
            case "POST", "/infer":
                return await self._infer(_read(request.body))
            case "GET", "/health":
                return {"repo": self._spec.repo, "commit": self._spec.commit, "task": self._spec.task}
            case "GET", "/stats":
                return msgspec.structs.replace(self._batcher.stats(), running=self._running)
            case _, "/infer":
                raise MethodNotAllowed(request.method, ["POST"])
        raise NotFound("There is nothing here")

    async def _infer(self, ask: Ask) -> object:
        self._running += 1
        try:
            return await self._batcher.infer(self._engine.prepare(ask))
        finally:
            self._running -= 1


def _read(body: bytes) -> Ask:
    try:
        return _ask.decode(body)
    except msgspec.DecodeError as error:
        raise InvalidInput("body", str(error)) from None
