"""What each call of `inference.GRPCInferenceService` does: the rights and limits are those of the addresses under /v2."""

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc
import msgspec

from pioche import __version__
from pioche.accounts.callers import Caller
from pioche.errors import EngineFailed, Failure, HubError, NotOffered
from pioche.http import credentials
from pioche.http.hub import Hub
from pioche.http.limits import Bucket
from pioche.observe import log, metrics, traces
from pioche.observe.traces import Span
from pioche.protocols.inference import asking, oip, signatures
from pioche.protocols.inference.grpc import codes, contents, guard
from pioche.protocols.inference.grpc.contents import Message
from pioche.protocols.inference.grpc.messages import CLASSES, METHODS, SERVICE
from pioche.protocols.inference.tensors import BYTES, Tensor
from pioche.serving.messages import State
from pioche.serving.spec import Ask
from pioche.serving.targets import Target

Context = Any
"""grpc.aio.ServicerContext, of which the library says no types."""

_METHOD = "GRPC"
_LEFT = 499
_GENERATION = "text-generation"


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, and how long they wait: None where they do not say."""

    caller: Caller
    seconds: float | None


class Service:
    """For one event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def handler(self) -> Any:
        """What a server of gRPC is given."""
        calls: dict[str, Callable[[Context, Message], Awaitable[Message]]] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server,
            "ModelMetadata": self._model,
            "ModelInfer": self._infer,
        }
        handlers = {name: self._unary(name, call) for name, call in calls.items()}
        handlers["ModelStreamInfer"] = self._streaming("ModelStreamInfer")
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    def _unary(self, name: str, call: Callable[[Context, Message], Awaitable[Message]]) -> Any:
        async def answered(request: Message, context: Context) -> Message:
            counted = _Counted(name, self._begin(name, context))
            try:
                response = await call(context, request)
            except Exception as error:  # noqa: BLE001 - the last line: whatever it is, one call ends here, with its id
                refusal = _refusal(name, error)
                counted.status = refusal.status
            else:
                counted.status = 200
                return response
            finally:
                counted.end()
            return await context.abort(codes.of(refusal), refusal.message)

        taken, told, _ = METHODS[name]
        return grpc.unary_unary_rpc_method_handler(answered, CLASSES[taken].FromString, CLASSES[told].SerializeToString)

    def _streaming(self, name: str) -> Any:
        taken, told, _ = METHODS[name]

        async def answered(requests: AsyncIterator[Message], context: Context) -> AsyncIterator[Message]:
            """A request that is refused is answered so, and the stream goes on, as Triton has it."""
            async for request in requests:
                counted = _Counted(name, self._begin(name, context))
                try:
                    async with aclosing(self._parts(context, request)) as parts:
                        async for part in parts:
                            yield CLASSES[told](infer_response=part)
                    counted.status = 200
                except Exception as error:  # noqa: BLE001 - as above
                    refusal = _refusal(name, error)
                    counted.status = refusal.status
                    failed = CLASSES["ModelInferResponse"](id=request.id, model_name=request.model_name)
                    yield CLASSES[told](error_message=refusal.message, infer_response=failed)
                finally:
                    counted.end()

        return grpc.stream_stream_rpc_method_handler(
            answered, CLASSES[taken].FromString, CLASSES[told].SerializeToString
        )

    def _begin(self, name: str, context: Context) -> Span | None:
        if self._hub.tracer is None:
            return None
        headers = dict(context.invocation_metadata() or ())
        return self._hub.tracer.begin(f"{SERVICE}/{name}", str(headers.get(traces.PARENT, "")))

    # --- calls ---

    async def _live(self, _context: Context, _request: Message) -> Message:
        return CLASSES["ServerLiveResponse"](live=True)

    async def _ready(self, _context: Context, _request: Message) -> Message:
        return CLASSES["ServerReadyResponse"](ready=self._hub.models.is_on)

    async def _server(self, _context: Context, _request: Message) -> Message:
        return CLASSES["ServerMetadataResponse"](name="pioche", version=__version__)

    async def _model_ready(self, context: Context, request: Message) -> Message:
        found = await self._target(await self._visit(context), request.name, request.version)
        looked = await self._hub.models.look(found)
        return CLASSES["ModelReadyResponse"](ready=looked.state is not State.FAILED)

    async def _model(self, context: Context, request: Message) -> Message:
        found = await self._target(await self._visit(context), request.name, request.version)
        _task, signature = signatures.of(found)
        response = CLASSES["ModelMetadataResponse"](
            name=found.spec.repo, versions=[found.spec.commit], platform=f"pioche_{found.spec.engine}"
        )
        for meta in signature.inputs:
            response.inputs.add(name=meta.name, datatype=meta.datatype, shape=meta.shape)
        for meta in signature.outputs:
            response.outputs.add(name=meta.name, datatype=meta.datatype, shape=meta.shape)
        return response

    async def _infer(self, context: Context, request: Message) -> Message:
        visit = await self._visit(context)
        found = await self._target(visit, request.model_name, request.model_version)
        ask, signature = signatures.ask(found, contents.given(request))
        ask.parameters.pop("stream", None)  # the call says whether it is one
        answered = await asking.counted(self._hub, visit.caller, found, ask, visit.seconds)
        told = signatures.told(signature, answered)
        return contents.answer(found, request, oip.wanted(told, [one.name for one in request.outputs]))

    async def _parts(self, context: Context, request: Message) -> AsyncGenerator[Message]:
        """A text as it is written, piece by piece; of other tasks the answer, which is the last part."""
        visit = await self._visit(context)
        found = await self._target(visit, request.model_name, request.model_version)
        ask, signature = signatures.ask(found, contents.given(request))
        ask = _streamed(ask) if ask.task == _GENERATION else ask
        answered = await asking.counted(self._hub, visit.caller, found, ask, visit.seconds)
        if answered.pieces is None:
            told = oip.wanted(signatures.told(signature, answered), [one.name for one in request.outputs])
            yield contents.answer(found, request, told, is_final=True)
            return
        async with aclosing(_events(answered.pieces)) as events:
            async for text, is_final in events:
                told = [Tensor("generated_text", BYTES, (1,), [text])]
                yield contents.answer(found, request, told, is_final=is_final)

    # --- who asks, and what for ---

    async def _visit(self, context: Context) -> Visit:
        """Raises InvalidToken, RateLimited, and what else a caller may be refused for."""
        hub = self._hub
        headers = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        address = guard.address_of(hub.addresses, context)
        token = credentials.token(headers.get("authorization"))
        caller = Caller.nobody() if token is None else await hub.callers.by_token(token)
        if caller.barred:
            caller = caller.seen_from(address)
        if hub.limits is not None:
            await hub.limits.take(Bucket.API, caller.user_id, address)
        return Visit(caller, context.time_remaining())

    async def _target(self, visit: Visit, name: str, version: str) -> Target:
        repo = await asking.open_model(self._hub, visit.caller, name)
        return await asking.target_for(self._hub, visit.caller, repo, version or "main")


class _Counted:
    """A call, from here to its end; without a status, whoever asked has left."""

    def __init__(self, name: str, span: Span | None) -> None:
        self._span = span
        self._route, self._began = f"{SERVICE}/{name}", time.perf_counter()
        self.status = _LEFT
        log.request_id.set(secrets.token_hex(10))

    def end(self) -> None:
        seconds = time.perf_counter() - self._began
        metrics.request(_METHOD, self._route, self.status, seconds)
        log.access(_METHOD, self._route, self.status, 0, seconds)
        if self._span is not None:
            self._span.end("the hub failed" if self.status >= 500 else "", {"http.response.status_code": self.status})


def _refusal(name: str, error: Exception) -> HubError:
    """What ended a call, in our words."""
    if isinstance(error, HubError):
        if isinstance(error, Failure) and not isinstance(error, NotOffered):
            log.failure(_METHOD, name, error)
        return error
    log.failure(_METHOD, name, error)
    return Failure("Something went wrong on our side; it has been logged")


def _streamed(ask: Ask) -> Ask:
    return Ask(ask.task, ask.inputs, {**ask.parameters, "stream": True})


async def _events(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[tuple[str, bool]]:
    """The pieces of a text from a worker's server-sent events, and whether each is the last. Raises EngineFailed."""
    waiting = b""
    async with aclosing(pieces):
        async for piece in pieces:
            *events, waiting = (waiting + piece).split(b"\n\n")
            for event in events:
                yield _text(event)


def _text(event: bytes) -> tuple[str, bool]:
    try:
        content: Any = msgspec.json.decode(event.removeprefix(b"data:"))
        if "error" not in content:
            return content["token"]["text"], content["generated_text"] is not None
        said = content["error"]
    except (msgspec.DecodeError, KeyError, TypeError):
        raise EngineFailed("The model's answer is not what its task gives") from None
    raise EngineFailed(said["message"] if isinstance(said, dict) else str(said))
