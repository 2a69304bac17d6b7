"""The one way out of a build: a small server on a Unix socket that gives pages and files of the package index, and no more.

    GET /simple/<project>/       what the index has of it
    GET /files/<project>/<name>  one of the files that that page names, or its `.metadata`
    GET /npm/<package>           what the registry of npm has of it, and below that its archives

So a build can ask for packages and for nothing else: it learns no address, no credentials, and reaches no host. What it asks
for is counted, and there is a most.
"""

import re
import socket
import socketserver
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pioche.errors import HubError, NotFound
from pioche.spaces.builds.index import Index
from pioche.spaces.builds.inside import PORT
from pioche.spaces.builds.registry import Registry

_PAGE = re.compile(r"/simple/(?P<project>[^/]+)/?\Z")
_FILE = re.compile(r"/files/(?P<project>[^/]+)/(?P<name>[^/]+?)(?P<metadata>\.metadata)?\Z")
_NPM = "/npm/"
INDEX_URL = f"http://127.0.0.1:{PORT}/simple/"
"""Where what runs in a build finds all this."""
REGISTRY_URL = f"http://127.0.0.1:{PORT}{_NPM}"
_JSON = "application/vnd.pypi.simple.v1+json"
_CONNECTIONS_MAX = 64
_IDLE_S = 60


@dataclass
class Account:
    """What one build took, and what went wrong for it."""

    bytes_max: int
    taken: int = 0
    problems: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def is_over(self) -> bool:
        return self.taken > self.bytes_max

    def take(self, size: int) -> bool:
        """False when it is more than there may be."""
        with self._lock:
            self.taken += size
            return not self.is_over

    def tell(self, problem: str) -> None:
        with self._lock:
            if problem not in self.problems and len(self.problems) < 10:
                self.problems.append(problem)


@contextmanager
def serving(index: Index, registry: Registry, path: Path, bytes_max: int) -> Iterator[Account]:
    """While the block runs, on a socket at `path`, which everybody who can go there may connect to."""
    account = Account(bytes_max)
    with _Server(str(path), _Handler) as server:
        server.index, server.registry, server.account = index, registry, account
        path.chmod(0o666)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="index-gateway", daemon=True)
        thread.start()
        try:
            yield account
        finally:
            server.shutdown()
            server.hang_up()
            thread.join()


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    index: Index
    registry: Registry
    account: Account

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._open = set[socket.socket]()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return len(self._open) < _CONNECTIONS_MAX

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nobody is told of a connection that broke: it was the build's own."""

    def hang_up(self) -> None:
        for wire in list(self._open):
            try:
                wire.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is closed
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    server: _Server

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *arguments: Any) -> None:
        """No log of its own: what is wrong, the installer tells."""

    def _answer(self, *, with_body: bool) -> None:
        path = unquote(self.path.partition("?")[0])
        self._began = False
        try:
            if found := _PAGE.match(path):
                page = self.server.index.page(found["project"])
                self._send(len(page), [page], _JSON, with_body=with_body)
            elif found := _FILE.match(path):
                opened = self.server.index.open(found["project"], found["name"], metadata=bool(found["metadata"]))
                with opened as (size, pieces):
                    self._send(size, pieces, "application/octet-stream", with_body=with_body)
            elif path.startswith(_NPM):
                with self.server.registry.open(path.removeprefix(_NPM), REGISTRY_URL) as (size, pieces):
                    self._send(size, pieces, "application/json", with_body=with_body)
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "There is nothing else here")
        except NotFound as error:
            self._refuse(HTTPStatus.NOT_FOUND, error.message)
        except HubError as error:
            self.server.account.tell(f"The package index: {error.message}")
            if self._began:  # then it is known to be cut by its length alone
                self.close_connection = True
            else:
                self._refuse(HTTPStatus.BAD_GATEWAY, error.message)

    def _send(self, size: int | None, pieces: Iterable[bytes], kind: str, *, with_body: bool) -> None:
        """Of what has no known size, the end of the connection is the end."""
        if not self.server.account.take((size or 0) if with_body else 0):
            self._refuse(HTTPStatus.INSUFFICIENT_STORAGE, "This build has taken as much as it may")
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        if size is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(size))
        self.end_headers()
        self._began = True
        for piece in pieces if with_body else ():
            if size is None and not self.server.account.take(len(piece)):
                self.close_connection = True
                return
            self.wfile.write(piece)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        body = message.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
