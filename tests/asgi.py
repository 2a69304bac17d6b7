"""A client for an ASGI application in this process: no socket, no server, no `async` in the test.

    with Client(build_app(config)) as client:
        answer = client.get("/api/whoami-v2", token="hf_...")
        assert answer.status == 200 and answer.json()["name"] == "ada"

Every request runs on one event loop that the client owns. Leaving the block shuts the application down.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import unquote

T = TypeVar("T")

App = Callable[
    [dict[str, Any], Callable[[], Awaitable[dict[str, Any]]], Callable[[dict[str, Any]], Awaitable[None]]],
    Awaitable[None],
]

HOST = "localhost:8000"


@dataclass(frozen=True)
class Answer:
    """`headers` have lower-case names; of a repeated one the last counts (see `all`). `complete`: the body ended."""

    status: int
    pairs: tuple[tuple[str, str], ...]
    body: bytes
    complete: bool

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.pairs)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """`headers` are sent with every request. `https` is what the server would say of the connection."""

    def __init__(self, app: App, *, headers: Mapping[str, str] | None = None, client: str = "127.0.0.1") -> None:
        self.app = app
        self._headers = {"host": HOST, **{key.lower(): value for key, value in (headers or {}).items()}}
        self._client = client
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Shuts the application down (lifespan), then the loop."""
        self._runner.run(self._shut_down())
        self._runner.close()

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def head(self, path: str, **options: Any) -> Answer:
        return self.request("HEAD", path, **options)

    def post(self, path: str, **options: Any) -> Answer:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Answer:
        return self.request("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.request("DELETE", path, **options)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs code of the application's own on its event loop."""
        return self._runner.run(work)

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        body: bytes | Iterable[bytes] = b"",
        json: Any = None,
        leave_after_bytes: int | None = None,
    ) -> Answer:
        """`path` is sent as it is written, query string included. `token` becomes a Bearer header.

        `body` may be pieces. With `leave_after_bytes` the client is gone once that many bytes of the answer came.
        """
        sent = dict(self._headers) | {key.lower(): value for key, value in (headers or {}).items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        if json is not None:
            body = _dump(json)
            sent.setdefault("content-type", "application/json")
        if isinstance(body, bytes):
            sent.setdefault("content-length", str(len(body)))
            pieces = [body]
        else:
            pieces = list(body)
        scope = self._scope(method, path, sent)
        return self._runner.run(_exchange(self.app, scope, pieces, leave_after_bytes))

    def _scope(self, method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
        raw_path, _, query = path.partition("?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(raw_path),
            "raw_path": raw_path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": [(key.encode("latin-1"), value.encode("latin-1")) for key, value in headers.items()],
            "client": (self._client, 50000),
            "server": ("127.0.0.1", 8000),
        }

    async def _shut_down(self) -> None:
        messages = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))

        async def receive() -> dict[str, Any]:
            return next(messages)

        async def send(message: dict[str, Any]) -> None:
            assert not message["type"].endswith("failed"), message

        await self.app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)


async def _exchange(app: App, scope: dict[str, Any], pieces: list[bytes], leave_after: int | None) -> Answer:
    """One request: feeds the body, collects the answer, then says that the client is gone."""
    waiting = list(pieces)
    left, received = asyncio.Event(), bytearray()
    started: dict[str, Any] = {}
    complete = False

    async def receive() -> dict[str, Any]:
        if waiting:
            piece = waiting.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(waiting)}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal complete
        if message["type"] == "http.response.start":
            assert not started, "a second answer to one request"
            started.update(message)
            return
        received.extend(message.get("body", b""))
        complete = not message.get("more_body", False)
        if complete or (leave_after is not None and len(received) >= leave_after):
            left.set()
        await asyncio.sleep(0)  # as a socket: others may run while bytes leave

    await app(scope, receive, send)
    pairs = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in started.get("headers", ())
    )
    return Answer(started.get("status", 0), pairs, bytes(received), complete)


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()
