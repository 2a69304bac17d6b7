"""What stands before a worker on another machine: an ASGI application that starts it in a sandbox there, and passes requests on.

It answers nobody but the hub that it was made for, and marks what it says: what comes without the mark is Ray's.
"""

import asyncio
import hmac
import shutil
import tempfile
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import Any

import msgspec

from pioche.errors import Corrupt, HubError
from pioche.runner.running import Running
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import Level, Limits
from pioche.serving import workers
from pioche.serving.address import SECRET, WORKER, Address
from pioche.serving.cluster.orders import ABOUT, END, Order, Told, encoder
from pioche.serving.messages import Refused, refused
from pioche.serving.wire import Answer, Broken, Wire
from pioche.serving.worker.batcher import Stats

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_LOAD_SECONDS = 120.0
_OUTPUT_CHARACTERS_MAX = 20_000
_MARK = (WORKER.encode(), b"1")
_FORBIDDEN, _BROKEN = 403, 502

_stats = msgspec.json.Decoder(Stats)


class Front:
    """Making one starts the worker, and blocks until it is ready; whether it is, `ABOUT` tells."""

    def __init__(self, order: Order) -> None:
        self._secret = order.secret.encode()
        self._held = ExitStack()
        self._running: Running | None = None
        self.refused: Refused | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="pioche-"))
        self._held.callback(shutil.rmtree, self._folder, ignore_errors=True)
        sockets = self._folder / "sockets"
        self._wire = Wire(Address(folder=str(sockets)), 1)
        try:
            self._start(order, sockets)
        except HubError as error:
            self.refused = refused(error)
            self._held.close()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    # --- its life ---

    def _start(self, order: Order, sockets: Path) -> None:
        """Raises HubError."""
        snapshot = Path(order.snapshot)
        if not snapshot.is_dir():
            raise Corrupt(
                f"This node does not see {snapshot}: data_dir/cache/inference has to be on a disk that all have"
            )
        self._folder.chmod(0o711)  # the worker may be another user
        sockets.mkdir()
        hidden = (Path(order.hidden),) if order.hidden else ()
        sandbox = Sandbox(self._folder / "box", least=Level[order.sandbox.upper()], hidden=hidden)
        limits = Limits(memory_bytes=order.memory_bytes)
        running = self._held.enter_context(workers.start(sandbox, order.spec, snapshot, sockets, limits))
        workers.ready(running, _LOAD_SECONDS)
        self._running = running

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.shutdown":
                await asyncio.to_thread(self._held.close)
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return

    def _end(self, seconds: float) -> None:
        if self._running is not None:
            self._running.terminate(seconds)
            try:
                self._running.wait(seconds + 1)
            except TimeoutError:
                pass  # closing kills it
            finally:
                self._held.close()

    # --- what it answers ---

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        given = next((value for name, value in scope["headers"] if name == SECRET.encode()), b"")
        if not hmac.compare_digest(given, self._secret):
            await say(send, _FORBIDDEN, b"", is_marked=False)
            return
        body = await body_of(receive)
        path = "/" + scope["path"].rpartition("/")[2]
        if path == ABOUT:
            await say(send, 200, encoder.encode(await self._told()))
        elif path == END:
            await asyncio.to_thread(self._end, msgspec.json.decode(body, type=float))
            await say(send, 200, encoder.encode(await self._told()))
        else:
            await self._pass_on(scope, path, body, receive, send)

    async def _told(self) -> Told:
        running = self._running
        if running is None:
            return Told(refused=self.refused)
        ending, output = running.ending, running.log.text[-_OUTPUT_CHARACTERS_MAX:]
        if ending is not None:
            return Told(ended=ending.reason, output=output)
        try:
            stats = _stats.decode((await self._wire.ask("/stats", b"", method="GET")).body)
        except Broken:  # it ends in this moment
            stats = None
        memory, seconds = await asyncio.to_thread(lambda: (running.memory(), running.cpu_seconds()))
        return Told(stats=stats, memory_bytes=memory, cpu_seconds=seconds, output=output)

    async def _pass_on(self, scope: Message, path: str, body: bytes, receive: Receive, send: Send) -> None:
        """Given up when whoever asked leaves, and broken off where the worker does."""
        asking = asyncio.create_task(self._asked(scope, path, body, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((asking, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not asking.done():
                asking.cancel()
            await asyncio.wait((asking,))
        if not asking.cancelled():
            asking.result()

    async def _asked(self, scope: Message, path: str, body: bytes, send: Send) -> None:
        trace = next((value.decode("ascii") for name, value in scope["headers"] if name == b"traceparent"), "")
        try:
            answer = await self._wire.ask(path, body, trace, method=scope["method"])
        except Broken:
            await say(send, _BROKEN, b"", is_marked=False)
            return
        if answer.pieces is None:
            await say(send, answer.status, answer.body, answer.content_type)
        else:
            await _stream(send, answer)


async def _stream(send: Send, answer: Answer) -> None:
    assert answer.pieces is not None  # noqa: S101 - the caller looked
    headers = [(b"content-type", answer.content_type.encode("latin-1")), _MARK]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async with aclosing(answer.pieces) as pieces:
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def say(
    send: Send, status: int, body: bytes, content_type: str = "application/json", *, is_marked: bool = True
) -> None:
    headers = [(b"content-type", content_type.encode("latin-1")), (b"content-length", b"%d" % len(body))]
    headers += [_MARK] if is_marked else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def body_of(receive: Receive) -> bytes:
    parts = list[bytes]()
    while (message := await receive())["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return b"".join(parts)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
