"""The way out of a process that has no network: the hub's side. To the addresses that it was given, and to no others.

It accepts on listeners that were made inside (`doors.py`): on the first as a proxy, which knows CONNECT and plain HTTP, on the
others for one address each. Names are resolved out here. One thread and one loop for each process; its connections, and what is in
memory of each, are bounded; when all that may pass has passed, the way is closed.
"""

import asyncio
import ipaddress
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from pioche.networks import OF_SANDBOXES
from pioche.runner.spec import Address, plain_host

_CONNECTIONS_MAX = 64
"""Who opens more waits."""
_PIECE = 64 * 1024
_HEAD_BYTES_MAX = 16 * 1024
_HEAD_S = 30.0
_CONNECT_S = 10.0
_TOLD_MAX = 100
"""Addresses that were refused, and are named in the log, each once."""
_LISTENERS_MAX = 250  # as many as the kernel hands over at once
_GIVE_UP_S = 2.0
_HOP_BY_HOP = frozenset((b"host", b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive"))
_PAUSE_S = 0.1
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_END = b"\r\n\r\n"
_HOST_MAX = 253
_Handler = Callable[[socket.socket], Awaitable[None]]


class Refused(Exception):
    """For who asked: a status and a sentence."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


@dataclass(frozen=True)
class Asked:
    """What the first bytes of a connection ask for."""

    address: Address
    first: bytes
    """What is to be sent there, beside what comes after."""
    is_tunnel: bool


def receive(wire: socket.socket, timeout: float) -> list[socket.socket]:
    """The listeners that were made inside. Raises OSError."""
    wire.settimeout(timeout)
    _, found, _, _ = socket.recv_fds(wire, 1, _LISTENERS_MAX, socket.MSG_CMSG_CLOEXEC)
    listeners = [socket.socket(fileno=number) for number in found]
    for listener in listeners:
        listener.setblocking(False)  # noqa: FBT003  (Python takes no name for it)
    return listeners


class Exit:
    """One process's. `say` is told in words what was refused. Ends with `close`, and nothing passes any more."""

    def __init__(
        self,
        listeners: list[socket.socket],
        reaches: tuple[Address, ...],
        traffic_bytes: int,
        say: Callable[[str], None],
    ) -> None:
        self.passed = 0
        """Bytes, both ways."""
        self._listeners, self._reaches, self._most, self._say = listeners, reaches, traffic_bytes, say
        self._told = set[Address]()
        self._is_over = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="exit", daemon=True)
        self._thread.start()

    def close(self) -> None:
        with suppress(RuntimeError):  # it is closed
            self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join(_GIVE_UP_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        room = asyncio.Semaphore(_CONNECTIONS_MAX)
        direct: list[_Handler] = [partial(self._straight, address) for address in loopback(self._reaches)]
        handlers: list[_Handler] = [self._by_proxy, *direct]
        serving = [
            asyncio.create_task(self._accept(listener, room, handler))
            for listener, handler in zip(self._listeners, handlers, strict=True)
        ]
        await self._is_over.wait()
        await _cancelled(serving)
        for listener in self._listeners:
            listener.close()

    async def _accept(self, listener: socket.socket, room: asyncio.Semaphore, handler: _Handler) -> None:
        open_ones = set[asyncio.Task[None]]()
        try:
            while True:
                await room.acquire()
                try:
                    inner, _ = await self._loop.sock_accept(listener)
                except OSError:  # it went again, or there are no descriptors
                    room.release()
                    await asyncio.sleep(_PAUSE_S)
                    continue
                task = asyncio.create_task(self._serve_one(inner, handler))
                open_ones.add(task)
                task.add_done_callback(partial(_ended, inner, open_ones, room))
        finally:
            await _cancelled(open_ones)

    async def _serve_one(self, inner: socket.socket, handler: _Handler) -> None:
        with suppress(OSError, TimeoutError):
            try:
                await handler(inner)
            except Refused as refused:
                await self._loop.sock_sendall(inner, _answer(refused))

    async def _straight(self, address: Address, inner: socket.socket) -> None:
        try:
            outer = await self._connect(address)
        except Refused:
            return
        with outer:
            await self._join(inner, outer)

    async def _by_proxy(self, inner: socket.socket) -> None:
        async with asyncio.timeout(_HEAD_S):
            asked = parse(await self._head(inner))
        if asked.address not in self._reaches:
            self._tell(asked.address, f"[refused: a connection to {asked.address}, which it may not reach]")
            raise Refused(403, f"{asked.address} cannot be reached from here")
        with await self._connect(asked.address) as outer:
            if asked.is_tunnel:
                await self._loop.sock_sendall(inner, _ESTABLISHED)
            self._count(len(asked.first))
            await self._loop.sock_sendall(outer, asked.first)
            await self._join(inner, outer)

    async def _head(self, inner: socket.socket) -> bytes:
        """All that came up to and with the end of a head."""
        found = b""
        while _END not in found:
            piece = await self._loop.sock_recv(inner, _HEAD_BYTES_MAX)
            found += piece
            if not piece or len(found) > 2 * _HEAD_BYTES_MAX:
                raise Refused(400, "a head that does not end")
        return found

    async def _connect(self, address: Address) -> socket.socket:
        """Raises Refused."""
        problem = "no address"
        try:
            places = await self._loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            places, problem = [], getattr(error, "strerror", None) or str(error)
        for family, kind, protocol, _, place in places:
            outer = socket.socket(family, kind, protocol)
            try:
                outer.setblocking(False)  # noqa: FBT003  (Python takes no name for it)
                outer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                _mark(outer, place)
                async with asyncio.timeout(_CONNECT_S):
                    await self._loop.sock_connect(outer, place)
            except OSError as error:  # TimeoutError is one
                outer.close()
                silence = f"no answer within {_CONNECT_S:.0f} seconds"
                problem = os.strerror(error.errno) if error.errno else error.strerror or silence
            except BaseException:
                outer.close()
                raise
            else:
                return outer
        self._tell(address, f"[{address} could not be reached: {problem}]")
        raise Refused(502, f"{address} could not be reached: {problem}")

    async def _join(self, inner: socket.socket, outer: socket.socket) -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(self._carry(inner, outer))
            both.create_task(self._carry(outer, inner))

    async def _carry(self, source: socket.socket, target: socket.socket) -> None:
        """Until `source` has said all. An end by force is passed on as one."""
        try:
            while piece := await self._loop.sock_recv(source, _PIECE):
                self._count(len(piece))
                await self._loop.sock_sendall(target, piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, target):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _count(self, size: int) -> None:
        self.passed += size
        if self.passed > self._most and not self._is_over.is_set():
            self._say(f"[no more connections: more than {self._most / 2**20:.0f} MiB went out and in]")
            self._is_over.set()

    def _tell(self, address: Address, words: str) -> None:
        if address not in self._told and len(self._told) < _TOLD_MAX:
            self._told.add(address)
            self._say(words)


def _mark(outer: socket.socket, place: tuple[Any, ...]) -> None:
    """What listens on this machine's loopback may trust whoever is on this machine: a process in a sandbox is not. Raises OSError
    for version 6, which has one address alone."""
    address = ipaddress.ip_address(str(place[0]).partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and (address.is_loopback or address.ipv4_mapped is not None):
        raise OSError(None, "on this machine, 127.0.0.1 alone can be")
    if address.is_loopback:
        outer.bind((OF_SANDBOXES, 0))


def loopback(reaches: Iterable[Address]) -> list[Address]:
    """Those that are reached by the same address inside."""
    return [address for address in reaches if address.is_loopback]


def parse(head: bytes) -> Asked:
    """What a client asks of its proxy. Raises Refused."""
    head, _, rest = head.partition(_END)
    lines = head.split(b"\r\n")
    words = lines[0].split(b" ")
    if (
        len(words) != 3
        or not words[2].startswith(b"HTTP/1.")
        or any(byte in head.replace(b"\r\n", b"") for byte in b"\r\n\0")
    ):
        raise Refused(400, "not a request of HTTP/1.1")
    if words[0] == b"CONNECT":
        return Asked(_address(words[1], None), rest, is_tunnel=True)
    scheme, _, target = words[1].partition(b"://")
    if scheme.lower() != b"http":
        raise Refused(400, "this is a proxy: for CONNECT, and for addresses that begin with http://")
    authority = target[: next((at for at, byte in enumerate(target) if byte in b"/?#"), len(target))]
    address = _address(authority.rpartition(b"@")[2], 80)
    path = target[len(authority) :].partition(b"#")[0]
    path = path if path.startswith(b"/") else b"/" + path
    # One request for each connection: the next one may be for somebody else.
    first = [b" ".join((words[0], path, b"HTTP/1.1")), b"Host: " + _authority(address), b"Connection: close"]
    kept = [line for line in lines[1:] if line.partition(b":")[0].strip().lower() not in _HOP_BY_HOP]
    return Asked(address, b"\r\n".join((*first, *kept)) + _END + rest, is_tunnel=False)


def _address(authority: bytes, default: int | None) -> Address:
    host, colon, port = authority.rpartition(b":")
    if not colon or b"]" in port:
        host, port = authority, str(default or "").encode()
    if not host or not port.isdigit() or not 0 < int(port) < 65536 or len(host) > _HOST_MAX or not host.isascii():
        raise Refused(400, "no address to connect to")
    return Address(plain_host(host.decode()), int(port))


def _authority(address: Address) -> bytes:
    text = str(address)
    return (text.removesuffix(":80") if address.port == 80 else text).encode()


def _answer(refused: Refused) -> bytes:
    body = f"{refused.words}\n".encode(errors="replace")
    head = (
        f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
    )
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def _ended(
    inner: socket.socket, open_ones: set["asyncio.Task[None]"], room: asyncio.Semaphore, task: "asyncio.Task[None]"
) -> None:
    """Also of a task that was cancelled before it began."""
    inner.close()
    open_ones.discard(task)
    room.release()


async def _cancelled(tasks: Iterable["asyncio.Task[None]"]) -> None:
    doomed = list(tasks)
    for task in doomed:
        task.cancel()
    await asyncio.gather(*doomed, return_exceptions=True)
