"""HTTP as bytes: for what no client library would send, and for looking at exactly what comes back."""

import contextlib
import json
import re
import socket
from dataclasses import dataclass
from typing import Any

from tests.hub import Hub

PATIENCE_S = 30


@dataclass(frozen=True)
class Exchange:
    """Everything that came back until the server closed the connection."""

    received: bytes

    @property
    def statuses(self) -> list[int]:
        """Of all answers, 100 Continue among them."""
        return [int(status) for status in re.findall(rb"^HTTP/1\.[01] (\d{3})", self.received, re.MULTILINE)]

    @property
    def head(self) -> str:
        return self.received.partition(b"\r\n\r\n")[0].decode("latin-1").lower()

    @property
    def body(self) -> bytes:
        """Of the last answer, when its length was announced."""
        return self.received.rpartition(b"\r\n\r\n")[2]

    def json(self) -> Any:
        return json.loads(self.body)


def connect(hub: Hub) -> socket.socket:
    return socket.create_connection(("127.0.0.1", hub.port), timeout=PATIENCE_S)


def exchange(hub: Hub, sent: bytes) -> Exchange:
    """Sends bytes on a connection of their own and waits for the server to close it."""
    with connect(hub) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before it had come in whole
            connection.sendall(sent)
        return Exchange(drain(connection))


def drain(connection: socket.socket) -> bytes:
    """What comes until the end; a reset counts as one."""
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return bytes(received)


def get(path: str | bytes, *headers: bytes) -> bytes:
    return request(b"GET", path, *headers)


def request(method: bytes, path: str | bytes, *headers: bytes, body: bytes = b"") -> bytes:
    """A request whose answer ends the connection. `headers` are whole lines, sent as they are."""
    target = path if isinstance(path, bytes) else path.encode()
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
