"""A small server on every address of this machine, for tests of what the hub calls: it answers, and remembers.

with Canary() as canary:
    ...
    assert canary.connections == 0
"""

import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Self


@dataclass
class Post:
    """A request that arrived. `headers` have lower-case names."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What to answer. `pieces` are sent one by one, without a length: the connection's end is theirs."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    pieces: Callable[[Callable[[bytes], None]], None] | None = None


class Canary:
    """`reply` answers each request by its number, counted from 0."""

    def __init__(self, reply: Callable[[int], Reply] = lambda _number: Reply()) -> None:
        self.reply = reply
        self.posts: list[Post] = []
        self.connections = 0
        self.arrived = threading.Condition()
        self._server = _Server(("0.0.0.0", 0), _Handler)
        self._server.canary = self
        self.port: int = self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def allowed(self) -> str:
        """The setting `outbound_allowed` by which a hub may call it."""
        return f"127.0.0.1:{self.port}"

    def wait(self, count: int, *, seconds: float = 60) -> list[Post]:
        """The first `count` requests, once they have arrived."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.posts) >= count, seconds), f"{len(self.posts)} of {count}"
            return self.posts[:count]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    canary: Canary

    def verify_request(self, request: object, client_address: object) -> bool:
        self.canary.connections += 1
        return True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever called left in the middle: that is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        canary = self.server.canary
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        post = Post(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        with canary.arrived:
            number = len(canary.posts)
            canary.posts.append(post)
            canary.arrived.notify_all()
        self._answer(canary.reply(number))

    do_GET = do_POST

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.pieces is not None:
            self.end_headers()
            reply.pieces(self._send)
            return
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def _send(self, piece: bytes) -> None:
        self.wfile.write(piece)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Tests look at `posts`."""
