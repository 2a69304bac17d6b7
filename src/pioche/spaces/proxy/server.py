"""Connections of visitors, each led to its app. Bodies pass through as they come, in both directions."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from pioche.errors import HubError, InvalidName
from pioche.names import RepoId, RepoType
from pioche.observe import log
from pioche.repos.access import Repo
from pioche.runner import sockets
from pioche.spaces.controller.keeper import Keeper
from pioche.spaces.controller.version import Version
from pioche.spaces.hosts import PREFIX, Hosts
from pioche.spaces.proxy import files, heads, pages
from pioche.spaces.proxy.gate import COOKIE, SECONDS, Admitted, Gate
from pioche.spaces.proxy.heads import BadHead, Headers, Mask, Request

_HEAD_SECONDS = 30.0
_HOLD_SECONDS = 60.0
_PIECE = 256 * 1024
_BUFFER = 256 * 1024
_CONNECTIONS_MAX = 4096
_BACKLOG = 512
_DIAL_ATTEMPTS = 3
_OPAQUE = "sandbox allow-scripts allow-forms allow-popups allow-downloads allow-modals"
"""Apps that share an origin share it with nobody: each of their pages has one without a name."""

Find = Callable[[str, RepoId | None], tuple[Repo, Keeper] | None]
"""By subdomain, or by name."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visitor came to. `hub` is the hub's address as that visitor knows it."""

    repo: Repo
    keeper: Keeper
    prefix: str
    hub: str


class Proxy:
    """`serve` until it is cancelled."""

    def __init__(self, hosts: Hosts, gate: Gate, find: Find, hub_port: int, *, scheme: str, public_url: str) -> None:
        self._hosts, self._gate, self._find = hosts, gate, find
        self._hub_port, self._scheme, self._public_url = hub_port, scheme, public_url
        self._open = 0

    async def serve(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        server = await asyncio.start_server(self._connection, sock=listener, backlog=_BACKLOG, ssl=tls, limit=_BUFFER)
        async with server:
            await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= _CONNECTIONS_MAX:
                await self._request(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked has left, or said nothing that could be read
        except HubError as error:
            log.fault("request to a Space not answered", error)
            writer.write(pages.framed("503 Service Unavailable", (("Retry-After", "5"),), b""))
        finally:
            self._open -= 1
            with suppress(OSError):
                writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        try:
            request = heads.read_request(head)
        except BadHead:
            writer.write(pages.framed("400 Bad Request", (), b""))
            return
        place = self._place(request)
        admitted = await self._gate.admit(request, place.repo) if place is not None else None
        if place is None or admitted is None:
            writer.write(pages.absent(request))
            return
        keeper = place.keeper
        keeper.traffic.open += 1
        try:
            await self._answer(place, admitted, reader, writer)
        finally:
            keeper.traffic.open -= 1
            keeper.traffic.last = time.monotonic()
        await writer.drain()

    def _place(self, request: Request) -> Place | None:
        host = request.header("host")
        scheme, name = self._scheme, host.rpartition(":")[0] or host
        label = self._hosts.label(host)
        parts = request.path.split("/", 4)
        repo_id, prefix = None, ""
        if len(parts) >= 4 and f"/{parts[1]}/" == PREFIX:
            prefix = "/".join(parts[:4])
            with suppress(InvalidName):
                repo_id = RepoId(RepoType.SPACE, parts[2], parts[3])
        if not label and repo_id is None:
            return None
        found = self._find(label, None if label else repo_id)
        if found is None:
            return None
        below = name.partition(".")[2] if label and not self._public_url else name
        hub = self._public_url or f"{scheme}://{below}:{self._hub_port}"
        return Place(*found, prefix, hub)

    async def _answer(
        self, place: Place, admitted: Admitted, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        request, keeper = admitted.request, place.keeper
        version = keeper.current
        if version is None:
            version = await keeper.wake(0.0 if request.wants_page else _HOLD_SECONDS)
        if version is None:
            writer.write(pages.of_stage(request, keeper.stage, is_coming=keeper.is_coming))
            return
        mask = self._mask(place, admitted, version, writer)
        if version.is_static:
            await self._static(place, request, version, mask, writer)
            return
        await self._pass_on(request, version, mask, reader, writer)

    def _mask(self, place: Place, admitted: Admitted, version: Version, writer: asyncio.StreamWriter) -> Mask:
        peer = writer.get_extra_info("peername")
        extra = list[tuple[str, str]]()
        custom = version.config.get("custom_headers")
        extra += [(name, value) for name, value in (custom or {}).items() if "\n" not in value and "\r" not in value]
        by_path = bool(place.prefix) and not self._hosts.label(admitted.request.header("host"))
        policies = [_OPAQUE] if by_path else []
        policies += [f"frame-ancestors {place.hub}"] if version.config.get("disable_embedding") else []
        if admitted.sign:
            where = place.prefix if by_path else "/"
            life = f"Path={where}; Max-Age={SECONDS}; HttpOnly; SameSite=None; Secure; Partitioned"
            extra.append(("Set-Cookie", f"{COOKIE}={admitted.sign}; {life}"))
        extra += [("Content-Security-Policy", policy) for policy in policies]
        host = admitted.request.header("host")
        return Mask(place.prefix, host, self._scheme, str(peer[0]) if peer else "", tuple(extra))

    async def _static(
        self, place: Place, request: Request, version: Version, mask: Mask, writer: asyncio.StreamWriter
    ) -> None:
        if request.method not in ("GET", "HEAD"):
            writer.write(pages.framed("405 Method Not Allowed", (("Allow", "GET, HEAD"),), b""))
            return
        path = request.path.removeprefix(place.prefix) if place.prefix else request.path
        if place.prefix and not path:  # relative addresses of the page would go one too high
            writer.write(pages.framed("307 Temporary Redirect", (("Location", f"{place.prefix}/"),), b""))
            return
        variables = {**version.variables, "HF_ENDPOINT": place.hub, "SPACE_ID": str(version.repo.repo_id)}
        found = await asyncio.to_thread(files.find, version.folder, version.plan.app_file, path, variables)
        if found is None:
            writer.write(pages.framed("404 Not Found", mask.extra, b""))
            return
        writer.write(_static_head(found, mask.extra))
        if request.method == "HEAD":
            return
        if found.body is not None:
            writer.write(found.body)
            return
        with found.path.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, _PIECE):
                writer.write(piece)
                await writer.drain()

    async def _pass_on(
        self, request: Request, version: Version, mask: Mask, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        app = await _dialled(version)
        if app is None:
            writer.write(pages.framed("502 Bad Gateway", (("Retry-After", "5"),), b""))
            return
        from_app, to_app = app
        own = (COOKIE,)
        try:
            to_app.write(heads.for_app(request, mask, own))
            sending = asyncio.create_task(_pump(reader, to_app))
            try:
                await _pass_back(from_app, writer, mask)
            finally:
                sending.cancel()
                with suppress(asyncio.CancelledError, OSError):
                    await sending
        finally:
            with suppress(OSError):
                to_app.close()


async def _dialled(version: Version) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    for attempt in range(_DIAL_ATTEMPTS):
        if version.door is None:
            return None
        try:
            wire = await asyncio.to_thread(sockets.dial, version.door)
        except OSError:
            await asyncio.sleep(0.1 * attempt)
            continue
        wire.setblocking(False)  # noqa: FBT003  (Python takes no name for it)
        return await asyncio.open_connection(sock=wire, limit=_BUFFER)
    return None


async def _pass_back(from_app: asyncio.StreamReader, writer: asyncio.StreamWriter, mask: Mask) -> None:
    """The heads of the app's answer, of which there may be several before the last (RFC 9110, 1xx), then whatever comes."""
    while True:
        try:
            answer = heads.read_answer(await from_app.readuntil(b"\r\n\r\n"))
        except (BadHead, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.write(pages.framed("502 Bad Gateway", (), b""))
            return
        writer.write(heads.for_client(answer, mask))
        if answer.status >= 200 or answer.status == 101:
            break
    await _pump(from_app, writer)


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while piece := await source.read(_PIECE):
        target.write(piece)
        await target.drain()
    if target.can_write_eof():
        with suppress(OSError):
            target.write_eof()


def _static_head(found: files.Found, extra: Headers) -> bytes:
    lines = [f"HTTP/1.1 {found.status}", *(f"{name}: {value}" for name, value in (*found.headers, *extra))]
    lines += [f"Content-Length: {found.size}", "Cache-Control: no-cache", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")
