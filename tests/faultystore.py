"""A proxy in front of an object store that fails as stores and networks do. Nothing of it knows about S3 but its errors.

with FaultyStore(store) as faulty:
    blobs = open_store(config_of(faulty.store, folder))
    faulty.next(Fault.ERROR, Fault.HANG)       # the next two requests
    faulty.always(Fault.SLOW_DOWN)             # every one, until `faulty.well()`
"""

import contextlib
import http.client
import random
import threading
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.objectstore import ObjectStore

_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length"))
_XML = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>injected</Message></Error>'


class Fault(StrEnum):
    """What a request meets."""

    ERROR = "500"
    SLOW_DOWN = "503 SlowDown"
    HANG = "no answer, and the connection stays"
    DROP = "the connection breaks before the request is done"
    LOST_ANSWER = "the request is done, its answer is lost"
    TRUNCATED = "half of the body, then the connection breaks"
    FULL = "403 QuotaExceeded"
    DENIED = "403 AccessDenied"


PASSING = (Fault.ERROR, Fault.SLOW_DOWN, Fault.DROP, Fault.LOST_ANSWER, Fault.TRUNCATED)
"""Those after which trying again helps, and that cost no time."""

_ANSWERS = {
    Fault.ERROR: (500, "InternalError"),
    Fault.SLOW_DOWN: (503, "SlowDown"),
    Fault.FULL: (403, "QuotaExceeded"),
    Fault.DENIED: (403, "AccessDenied"),
}


class FaultyStore:
    """`store` is how to reach the store through it."""

    def __init__(self, store: ObjectStore) -> None:
        self.requests: list[str] = []
        self.faults = 0
        self._upstream = urlsplit(store.endpoint).netloc
        self._plan: Callable[[], Fault | None] = lambda: None
        self._next: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._server = _Server(self)
        self.store = store.at(f"http://127.0.0.1:{self._server.server_port}")

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    # --- what is to go wrong ---

    def next(self, *faults: Fault) -> None:
        self._next.extend(faults)

    def always(self, fault: Fault) -> None:
        self._plan = lambda: fault

    def often(self, share: float, seed: int, faults: tuple[Fault, ...] = PASSING) -> None:
        """That share of all requests, by chance."""
        chance = random.Random(seed)
        self._plan = lambda: chance.choice(faults) if chance.random() < share else None

    def well(self) -> None:
        self._next.clear()
        self._plan = lambda: None

    # --- used by the handler ---

    def decide(self, what: str) -> Fault | None:
        with self._lock:
            self.requests.append(what)
            fault = self._next.popleft() if self._next else self._plan()
            self.faults += fault is not None
            return fault

    def forward(
        self, method: str, path: str, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers and body of the store's answer."""
        with contextlib.closing(http.client.HTTPConnection(self._upstream, timeout=60)) as connection:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body or None)
            with connection.getresponse() as answer:
                return answer.status, answer.getheaders(), answer.read()

    def wait(self) -> None:
        """As long as anybody may be waiting for."""
        self._released.wait(60)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, faulty: FaultyStore) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faulty = faulty


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        fault = self.server.faulty.decide(f"{self.command} {self.path}")
        if fault in _ANSWERS:
            status, code = _ANSWERS[fault]
            self._answer(status, [], _XML.format(code).encode())
        elif fault is Fault.HANG:
            self.server.faulty.wait()
            self.close_connection = True
        elif fault is Fault.DROP:
            self.close_connection = True
        else:
            self._pass_on(body, fault)

    def _pass_on(self, body: bytes, fault: Fault | None) -> None:
        try:
            status, headers, data = self.server.faulty.forward(
                self.command, self.path, list(self.headers.items()), body
            )
        except (OSError, http.client.HTTPException):  # the store itself is away
            self.close_connection = True
            return
        if fault is Fault.LOST_ANSWER:
            self.close_connection = True
            return
        kept = [(name, value) for name, value in headers if name.lower() not in _HOP]
        length = dict(headers).get("Content-Length") if self.command == "HEAD" else None
        self._answer(status, kept, data, length=length, cut=fault is Fault.TRUNCATED)

    def _answer(
        self,
        status: int,
        headers: list[tuple[str, str]],
        data: bytes,
        *,
        length: str | None = None,
        cut: bool = False,
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data if self.command != "HEAD" else b"")
        if cut:
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # the client went away
            self.close_connection = True
