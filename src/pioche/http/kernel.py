"""The ASGI application: every request takes these steps, in this order, whatever its protocol.

    limits -> route -> caller -> right (opening the repo) -> handler -> headers -> sending

A refusal at any step is rendered by the route's protocol. What is not a HubError is a fault of ours: it is logged with
the request's id and answered 500 without a detail.
"""

import contextlib
import itertools
import os
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pioche.errors import (
    BadRequest,
    Corrupt,
    Failure,
    Forbidden,
    HeadersTooLarge,
    HubError,
    NotFound,
    NotOffered,
    ReadOnlyToken,
    RepoNotFound,
    Unauthenticated,
    UriTooLong,
)
from pioche.git.objects import ObjectMissing
from pioche.http import browsers, cookies, credentials, placing
from pioche.http.answers import Answers, Known
from pioche.http.buffers import Flusher
from pioche.http.hub import Hub
from pioche.http.messages import ClientLeft, Headers, Question, Receive, Request, Response, Summary, redirect
from pioche.http.router import Match, Router
from pioche.http.routes import ANY_SCOPE, Needs, Protocol, Route
from pioche.http.sending import Send, send_response
from pioche.observe import log, metrics
from pioche.observe.traces import Attributes, Span
from pioche.repos.access import Action, Moved
from pioche.repos.downloads import Download
from pioche.storage import disk

_URI_BYTES_MAX = 16 * 1024
_HEADERS_MAX = 128
_HEADER_BYTES_MAX = 64 * 1024
_process_id = secrets.token_hex(6)
_serial = itertools.count(1)
_TRACE_ID = re.compile(r"[A-Za-z0-9_.:;=-]{1,128}\Z")

_PREFLIGHT: Headers = [
    ("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    (
        "Access-Control-Allow-Headers",
        "authorization, content-type, range, if-none-match, if-range, x-requested-with, *",
    ),
]


def _begin_process() -> None:
    """The other processes are forks of the same one: each needs ids of its own."""
    global _process_id
    _process_id = secrets.token_hex(6)


os.register_at_fork(after_in_child=_begin_process)


class Kernel:
    """Built by `pioche.app` from the protocols' tables.

    Where no route matches, the last protocol's dialect answers, but a browser (not on `/api/`) gets the first one's: a page.
    """

    def __init__(self, hub: Hub, protocols: Iterable[Protocol]) -> None:
        self.hub = hub
        self.protocols = tuple(protocols)
        self._router = Router(self.protocols)
        self._answers = Answers(hub.database)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})

    async def _http(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request(scope, receive, self.hub, _summary(scope["headers"]))
        log.request_id.set(request.id)
        span = None if self.hub.tracer is None else self.hub.tracer.begin(request.method, _parent(scope["headers"]))
        match, response = await self._respond(request)
        if request.summary.has_session:
            response = browsers.finished(request, response)
        if request.limit_headers:
            response = replace(response, headers=[*response.headers, *request.limit_headers], encoded=None)
        sent = await send_response(request, response, receive, send)
        seconds = time.perf_counter() - started
        metrics.request(request.method, match.route.pattern if match else "none", response.status, seconds)
        log.access(request.method, request.raw_path, response.status, sent, seconds)
        if span is not None:
            _tell(span, request, match, response.status)
        await request.discard_rest()

    async def _respond(self, request: Request) -> tuple[Match | None, Response]:
        match: Match | None = None
        try:
            _check_limits(request)
            if request.method == "OPTIONS":
                return None, Response(204, list(_PREFLIGHT))
            question = self._question(request)
            known = self._find(request, question)
            if known is not None:
                match = known.match
                await self._limit(request, match)
                response = await _again(known, request)
                if known.download is not None:
                    self._count(request, known.download)
                return match, response
            as_of = self._answers.as_of
            matches = self._router.find(request.method, request.raw_path)
            match = matches[0]
            self.hub.addresses.check(request.headers)
            await self._identify(request, match)
            await self._limit(request, match)
            match = await self._open(request, matches)
            response = await match.route.handler(request)
            self._keep(request, question, as_of, match)
            if request.download is not None:
                self._count(request, request.download)
            return match, response
        except _Redirected as redirected:
            return redirected.match, redirected.response
        except Exception as error:  # noqa: BLE001 - the last line: whatever it is, one request ends here, with its id
            if match is None:
                await _recognise(request)
            # Not by a variable, which would tie the error to this frame: the connection stays open until that is collected.
            return match, await self._say_no(request, match, self._refusal(request, error))

    def _refusal(self, request: Request, error: Exception) -> HubError:
        """What ended a request, in our words."""
        if isinstance(error, Moved):
            # The body named the repo by an old name, and no address can say where it is now.
            return RepoNotFound(anonymous=request.caller.is_anonymous)
        if isinstance(error, HubError):
            return error
        if isinstance(error, ClientLeft):
            # Nobody is there to read this, unless it was the body's form that was wrong.
            return BadRequest("The body broke off, or its chunks are not well formed")
        if isinstance(error, ObjectMissing):
            return _caused(Corrupt("A stored git object is missing"), error)
        if isinstance(error, OSError) and disk.is_fault(error):
            return _caused(disk.translate(error), error)
        log.failure(request.method, request.raw_path, error)  # a mistake of ours: its trace is for the log
        return Failure("Something went wrong on our side; it has been logged")

    def _question(self, request: Request) -> Question | None:
        """What an answer that is remembered may depend on. None for requests that change something, and for sessions:
        whether a cookie counts depends on more than is asked here."""
        if request.method not in ("GET", "HEAD") or request.summary.has_session:
            return None
        scope = request.scope
        is_proxied = self.hub.addresses.is_proxy(scope)
        return request.method, scope["raw_path"], scope["query_string"], is_proxied, request.summary.deciding

    def _find(self, request: Request, question: Question | None) -> Known | None:
        """The answer to an equal question, unless this one is for a part of it, or its token has run out."""
        known = self._answers.find(question) if question is not None else None
        if known is None or (request.summary.asks_for_range and isinstance(known.answer, Response)):
            return None
        if not self.hub.callers.counts_still(known.caller):
            return None
        request.caller, request.repo_or_none = known.caller, known.repo
        return known

    def _keep(self, request: Request, question: Question | None, as_of: int | None, match: Match) -> None:
        answer = request.answer_to_keep
        if (
            question is None
            or answer is None
            or request.caller.is_placed
            or (request.summary.asks_for_range and isinstance(answer, Response))
        ):
            return
        known = Known(match, request.caller, request.repo_or_none, answer, request.download)
        self._answers.keep(question, as_of, known)

    def _count(self, request: Request, download: Download) -> None:
        """A file that is fetched in parts is counted with the part that it begins with."""
        if request.summary.asks_for_range and not request.headers.get("range", "bytes=0-").startswith("bytes=0-"):
            return
        reader: int | str = request.caller.user_id
        if not reader:
            scope, addresses = request.scope, self.hub.addresses
            peer = scope.get("client")
            # The headers are read where they count alone: making their dictionary takes longer than all the rest.
            reader = addresses.client(scope, request.headers) if addresses.is_proxy(scope) else peer[0] if peer else ""
        self.hub.downloads.record(download, reader, is_head=request.method == "HEAD")

    async def _identify(self, request: Request, match: Match) -> None:
        if match.route.needs in (Needs.SIGNATURE, Needs.CREDENTIALS):
            return
        token = credentials.token(request.headers.get("authorization"))
        if token is not None:
            request.caller = placing.at_address(request, await self.hub.callers.by_token(token))
        elif request.summary.has_session:
            _limit_body(request, match)
            await browsers.identify(request)

    async def _limit(self, request: Request, match: Match) -> None:
        """Counts the request, where that is asked for. Raises RateLimited."""
        limits, bucket = self.hub.limits, match.protocol.bucket
        if limits is None or bucket is None or match.route.is_free or match.route.needs is Needs.SIGNATURE:
            return
        address = self.hub.addresses.client(request.scope, request.headers)
        left = await limits.take(bucket, request.caller.user_id, address)
        request.limit_headers = left.headers()

    async def _open(self, request: Request, matches: list[Match]) -> Match:
        """The match whose repo there is, opened; or the first, when it is not about a repo, with what it needs checked."""
        first = matches[0]
        if not isinstance(first.route.needs, Action):
            _check_needs(request, first.route.needs)
            _check_scope(request, first.route)
            return _chosen(request, first)
        refusal: RepoNotFound | None = None
        for match in matches:
            if isinstance(match.route.needs, Action) and match.repo_id is not None:
                try:
                    request.repo_or_none = await self.hub.access.open(request.caller, match.repo_id, match.route.needs)
                except Moved as moved:
                    raise _Redirected(match, _moved(request, match, moved)) from None
                except RepoNotFound as error:
                    refusal = refusal or error
                else:
                    return _chosen(request, match)
        assert refusal is not None, "a table gave an Action to a route without a repo"  # noqa: S101
        raise refusal

    async def _say_no(self, request: Request, match: Match | None, error: HubError) -> Response:
        if match is not None and match.route.rescue is not None and browsers.is_from_us(request):
            _limit_body(request, match)
            with contextlib.suppress(HubError, ClientLeft):  # the body itself is what is wrong: said as ever
                return await match.route.rescue(request, error)
        return self._refuse(request, match, error)

    def _refuse(self, request: Request, match: Match | None, error: HubError) -> Response:
        if isinstance(error, Failure) and not isinstance(error, NotOffered):
            log.failure(request.method, request.raw_path, error)
        return self._dialect(request, match).render_error(request, error)

    def _dialect(self, request: Request, match: Match | None) -> Protocol:
        if match is not None:
            return match.protocol
        is_browser = "text/html" in request.headers.get("accept", "") and not request.raw_path.startswith("/api/")
        return self.protocols[0 if is_browser else -1]

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        flusher = Flusher(self.hub.buffers)
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                flusher.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await flusher.stop()
                self.hub.renderer.close()
                self.hub.models.close()
                await self.hub.database.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _parent(headers: list[tuple[bytes, bytes]]) -> str:
    """Of the trace that the client is in."""
    return next((value.decode("latin-1") for name, value in headers if name == b"traceparent"), "")


def _tell(span: Span, request: Request, match: Match | None, status: int) -> None:
    """By the names that OpenTelemetry has for them. No address of a repo, and nobody's name."""
    route = match.route.pattern if match else "none"
    span.name = f"{request.method} {route}"
    said: Attributes = {"http.request.method": request.method, "http.route": route, "http.response.status_code": status}
    span.end("the hub failed" if status >= 500 else "", said)


async def _recognise(request: Request) -> None:
    """Where no route matches, the page that says so still knows who reads it."""
    if request.summary.has_session and request.method in ("GET", "HEAD"):
        with contextlib.suppress(HubError):
            await browsers.identify(request)


def _caused(failure: Failure, error: Exception) -> Failure:
    """For the log: with what was behind it."""
    failure.__cause__ = error
    return failure


class _Redirected(Exception):
    """The repo has another name now."""

    def __init__(self, match: Match, response: Response) -> None:
        super().__init__()
        self.match, self.response = match, response


def _chosen(request: Request, match: Match) -> Match:
    request.params = dict(match.params)
    _limit_body(request, match)
    return match


def _limit_body(request: Request, match: Match) -> None:
    if match.route.body_bytes_max is not None:
        request.body_bytes_max = match.route.body_bytes_max


def _check_needs(request: Request, needs: Needs) -> None:
    caller = request.caller
    if needs in (Needs.ANYONE, Needs.SIGNATURE):
        return
    if needs is Needs.CREDENTIALS:
        browsers.check_is_from_us(request)
        return
    if needs is Needs.ADMIN_PAGE and not caller.is_admin:
        raise NotFound("There is nothing at this address")
    if caller.is_anonymous:
        raise Unauthenticated
    if needs is Needs.SESSION:
        if caller.session_id is None:
            raise Forbidden("This is for people who signed in in a browser, not for tokens")
        return
    if needs is Needs.ADMIN and not caller.is_admin:
        raise Forbidden("Only an administrator of this hub may do this")
    if needs is not Needs.USER and not caller.may_write:
        raise ReadOnlyToken


def _check_scope(request: Request, route: Route) -> None:
    """Default deny: what anyone may do, any token may; the rest is for fine-grained tokens only where the table says so."""
    scopes = request.caller.scopes
    if scopes is None or route.needs in (Needs.ANYONE, Needs.SIGNATURE) or route.scope == ANY_SCOPE:
        return
    if route.scope is None:
        raise Forbidden("No fine-grained token allows this: use one of role `write`, or sign in")
    if route.scope not in scopes.every:
        raise Forbidden(f"This token does not have the permission {route.scope}: make one that has")


def _check_limits(request: Request) -> None:
    scope = request.scope
    if len(scope["raw_path"]) + len(scope["query_string"]) > _URI_BYTES_MAX:
        raise UriTooLong(f"The address may have at most {_URI_BYTES_MAX} bytes")
    summary = request.summary
    if summary.header_count > _HEADERS_MAX or summary.header_bytes > _HEADER_BYTES_MAX:
        raise HeadersTooLarge(f"At most {_HEADERS_MAX} headers with {_HEADER_BYTES_MAX} bytes are accepted")


# Answers that are remembered may depend on these headers, and on Range and If-Range.
_DECIDING = frozenset((b"authorization", b"host", b"if-none-match", b"x-forwarded-proto"))


async def _again(known: Known, request: Request) -> Response:
    return known.answer if isinstance(known.answer, Response) else await known.answer(request)


def _summary(headers: list[tuple[bytes, bytes]]) -> Summary:
    """The request's id is the client's trace id, shown in its errors as Request ID, or one of ours."""
    request_id, size, deciding, asks_for_range = "", 0, list[tuple[bytes, bytes]](), False
    lone_range: bytes | None = None
    has_session = is_conditional = False
    for header in headers:
        name, value = header
        size += len(name) + len(value)
        if name in _DECIDING:
            deciding.append(header)
            is_conditional = is_conditional or name == b"if-none-match"
        elif name == b"range" or name == b"if-range":
            lone_range = value if name == b"range" and not asks_for_range else None
            asks_for_range = True
        elif name == b"cookie" and cookies.MARK in value:
            has_session = True
        elif name == b"x-amzn-trace-id" and _TRACE_ID.match(text := value.decode("latin-1")):
            request_id = text
    identifier = request_id or f"{_process_id}{next(_serial):08x}"
    if is_conditional:
        lone_range = None
    return Summary(identifier, len(headers), size, tuple(deciding), asks_for_range, lone_range, has_session)


def _moved(request: Request, match: Match, moved: Moved) -> Response:
    """A relative redirect: client 0.36 follows no other on HEAD (hub-api.md section 0)."""
    segments = request.raw_path.split("/")[1:]
    start, end = match.repo_span
    suffix = ".git" if segments[end - 1].endswith(".git") else ""
    segments[start:end] = [str(moved.target) + suffix]
    query = f"?{request.raw_query}" if request.raw_query else ""
    return redirect("/" + "/".join(segments) + query)
