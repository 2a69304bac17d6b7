"""Ending a call from another thread: who waits for an answer in a thread cannot be told to stop in any other way."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterable
from typing import Any

import httpcore


class Cutter(httpcore.NetworkBackend):
    """Opens the connections of one call. After `cut` whatever is read from them ends, and none is opened."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()
        self._changing = threading.Lock()
        self._opened: list[httpcore.NetworkStream] = []
        self._is_cut = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        self._keep(stream)
        return _Kept(self, stream)

    def cut(self) -> None:
        """For any thread."""
        with self._changing:
            self._is_cut = True
            opened, self._opened = self._opened, []
        for stream in opened:
            _shut(stream)

    def _keep(self, stream: httpcore.NetworkStream) -> None:
        with self._changing:
            self._opened.append(stream)
            is_cut = self._is_cut
        if is_cut:
            _shut(stream)


class _Kept(httpcore.NetworkStream):
    """A connection that stays known when it becomes one of TLS: that has a socket of its own."""

    def __init__(self, cutter: Cutter, inner: httpcore.NetworkStream) -> None:
        self._cutter = cutter
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._inner.start_tls(ssl_context, server_hostname, timeout)
        self._cutter._keep(stream)
        return _Kept(self._cutter, stream)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _shut(stream: httpcore.NetworkStream) -> None:
    with contextlib.suppress(OSError):  # it is closed already
        stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
