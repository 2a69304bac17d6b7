"""Asking a model outside: its calls wait in threads, since `outbound` does, and end at once when whoever asked leaves."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

import msgspec

from pioche.config import Config
from pioche.db.engine import Database
from pioche.db.instance import locking_key
from pioche.errors import (
    BadRequest,
    EngineFailed,
    ForbiddenAddress,
    HubError,
    InvalidInput,
    ModelLoading,
    NotOffered,
    TooLarge,
    Unreachable,
)
from pioche.observe import log
from pioche.outbound.client import Client
from pioche.outbound.cutting import Cutter
from pioche.outbound.streams import Stream, Streams
from pioche.outbound.targets import Guard, Target
from pioche.serving.external import address, oip, openai, tei, tgi
from pioche.serving.external.address import Dialect, External
from pioche.serving.spec import Ask
from pioche.serving.wire import Answer

T = TypeVar("T")

_DIALECTS = {Dialect.OPENAI: openai, Dialect.OIP: oip, Dialect.TGI: tgi, Dialect.TEI: tei}

OFF: Final = "This hub asks no models outside: its setting inference_external is off"
_AT_ONCE = 64
_ANSWER_BYTES_MAX = 64 * 2**20
_HEALTH_SECONDS = 5.0
_BUSY = (429, 503)
_BUSY_SECONDS, _BUSY_SECONDS_MAX = 2, 60
_WRONG = (400, 413, 422)
_SAID_CHARACTERS_MAX = 300
_SILENT = "The server that answers for this deployment did not answer"


class _Said(msgspec.Struct):
    message: str = ""
    param: str | None = None


class _Error(msgspec.Struct):
    error: _Said | str


class Outer:
    """Of one process. `ask` is for its event loop, the others for threads."""

    def __init__(self, database: Database, guard: Guard, *, is_on: bool, seconds: float) -> None:
        """`seconds`: until an answer begins, and for each step of it."""
        self.is_on = is_on
        self._database = database
        self._guard = guard
        self._seconds = seconds
        self._client = Client(guard, seconds=_HEALTH_SECONDS)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="external")
        self._running = 0

    @classmethod
    def of(cls, config: Config, database: Database) -> "Outer":
        is_on = config.inference_external == "on" and config.serves_models
        return cls(database, Guard.of(config), is_on=is_on, seconds=config.inference_external_seconds)

    def check(self, wanted: address.Wanted) -> None:
        """Raises NotOffered where the operator has not turned it on, BadRequest, ForbiddenAddress."""
        if not self.is_on:
            raise NotOffered(OFF)
        wanted.check()
        self._guard.check_literal(Target.parse(wanted.url))

    def trouble(self, external: External) -> str:
        """Why it does not answer; empty: it does."""
        if not self.is_on:
            return OFF
        try:
            answer = self._client.get(
                f"{external.url}{_DIALECTS[external.dialect].PROBE}", self._headers(external), redirects_max=0
            )
        except HubError as error:
            return error.message
        if answer.status in (401, 403):
            return "The other server refuses the token"
        return "" if answer.status == 200 else f"The other server answered {answer.status} when asked what it has"

    async def ask(self, external: External, ask: Ask) -> Answer:
        """As `Gateway.ask`. Raises InvalidInput, BadRequest, ModelLoading for one that is busy, EngineFailed, NotOffered."""
        if not self.is_on:
            raise NotOffered(OFF)
        dialect = _DIALECTS[external.dialect]
        call = dialect.call(external.model, ask)
        if self._running >= _AT_ONCE:
            raise ModelLoading("Too many requests wait for models outside: try again", seconds=_BUSY_SECONDS)
        self._running += 1
        exchange = _Exchange(self._threads, self._ended)
        try:
            headers = await exchange.run(lambda: self._headers(external))
            streams = Streams(self._guard, seconds=self._seconds, backend=exchange.cutter)
            stream = await exchange.open(streams, external.url + call.path, call.body, headers)
            if stream.status != 200:
                await self._refuse(exchange, external, stream)
            if not call.streams:
                body = b"".join([piece async for piece in exchange.pieces(_ANSWER_BYTES_MAX)])
                exchange.close()
                return Answer(200, "application/json", dialect.answer(ask, body))
        except BaseException:
            exchange.close()
            raise
        return Answer(200, "text/event-stream", b"", _followed(exchange, lambda pieces: dialect.stream(ask, pieces)))

    def _ended(self) -> None:
        self._running -= 1

    def _headers(self, external: External) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if token := self._token(external):
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def _token(self, external: External) -> str:
        return address.unlock(locking_key(self._database), external.locked, external.url) if external.locked else ""

    async def _refuse(self, exchange: "_Exchange", external: External, stream: Stream) -> None:
        """Raises what the other server said, in our words. What names our token is nobody's business."""
        said = _said(await exchange.run(stream.beginning))
        token = await exchange.run(lambda: self._token(external))
        text = said.message.replace(token, "***") if token else said.message
        text = text[:_SAID_CHARACTERS_MAX]
        if stream.status in _BUSY:
            wait = stream.headers.get("retry-after", "")
            seconds = int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else _BUSY_SECONDS
            raise ModelLoading(
                "The server that answers for this deployment is busy: try again",
                seconds=max(1, min(seconds, _BUSY_SECONDS_MAX)),
            )
        if stream.status in _WRONG and said.param:
            raise InvalidInput(f"inputs.{said.param[:100]}", text)
        if stream.status in _WRONG:
            raise BadRequest(text or "The server that answers for this deployment takes no such request")
        log.warning("model outside refused", status=stream.status, model=external.model)
        raise EngineFailed(f"The server that answers for this deployment answered {stream.status}")


class _Exchange:
    """One call: each step waits in a thread. Cancelled, it cuts the connection, which ends the step."""

    def __init__(self, threads: ThreadPoolExecutor, ended: Callable[[], None]) -> None:
        self.cutter = Cutter()
        self._threads = threads
        self._ended = ended
        self._opened = contextlib.ExitStack()
        self._stream: Stream | None = None
        self._step: Future[Any] | None = None
        self._is_closed = False

    async def open(self, streams: Streams, url: str, body: bytes, headers: dict[str, str]) -> Stream:
        self._stream = await self.run(lambda: self._opened.enter_context(streams.post(url, body, headers)))
        return self._stream

    async def pieces(self, bytes_max: int) -> AsyncGenerator[bytes]:
        assert self._stream is not None  # noqa: S101 - `open` is called first
        pieces = self._stream.pieces(bytes_max)
        while (piece := await self.run(lambda: next(pieces, None))) is not None:
            yield piece

    async def run(self, step: Callable[[], T]) -> T:
        """Raises EngineFailed for what went wrong on the way: who asks is not told where to."""
        future = self._threads.submit(step)
        self._step = future
        try:
            return await asyncio.wrap_future(future)
        except (Unreachable, ForbiddenAddress) as error:
            log.warning("model outside not reached", reason=error.message)
            raise EngineFailed(_SILENT) from None
        except TooLarge:
            raise EngineFailed("The server that answers for this deployment sends too much") from None

    def __del__(self) -> None:
        # Whoever was to read the answer may have left before its first piece: a generator that never began ends nothing.
        self.close()

    def close(self) -> None:
        """At once; a step that goes on ends by itself, and the connection is put away after it."""
        if self._is_closed:
            return
        self._is_closed = True
        self._ended()
        self.cutter.cut()
        if self._step is None or self._step.done():
            self._threads.submit(self._opened.close)
        else:
            self._step.add_done_callback(lambda _step: self._threads.submit(self._opened.close))


async def _followed(
    exchange: _Exchange, read: Callable[[AsyncGenerator[bytes]], AsyncGenerator[bytes]]
) -> AsyncGenerator[bytes]:
    try:
        async with (
            contextlib.aclosing(exchange.pieces(_ANSWER_BYTES_MAX)) as pieces,
            contextlib.aclosing(read(pieces)) as events,
        ):
            async for event in events:
                yield event
    finally:
        exchange.close()


def _said(body: bytes) -> _Said:
    try:
        found = msgspec.json.decode(body, type=_Error).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Said()
    return _Said(found) if isinstance(found, str) else found
