"""Requests and responses: thin views over ASGI, nothing hidden."""

import asyncio
import contextlib
import hashlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec

from pioche.accounts.callers import Caller, SignedIn
from pioche.errors import BadRequest, RequestTimeout, TooLarge, UnsupportedMediaType
from pioche.http import multipart, threads
from pioche.http.sources import Source
from pioche.repos.access import Repo
from pioche.repos.downloads import Download

if TYPE_CHECKING:
    from pioche.http.hub import Hub

T = TypeVar("T")
Receive = Callable[[], Awaitable[dict[str, Any]]]
Headers = list[tuple[str, str]]
Encoded = list[tuple[bytes, bytes]]
Question = tuple[object, ...]
"""Equal questions have equal answers, as long as nothing is committed."""

_NOBODY = Caller.nobody()

_FORM = "application/x-www-form-urlencoded"
_FORM_WITH_FILES = "multipart/form-data"
_FORM_FIELDS_MAX = 20_000
_STALL_BYTES = 16 * 1024  # what has to arrive within the setting body_stall_seconds
_DISCARD_BYTES_MAX = 8 * 2**20
_DISCARD_SECONDS = 2.0
_UNWATCHED_SECONDS = 0.05  # how long work goes on before it is asked whether its client is still there


class Summary(NamedTuple):
    """What one pass over the headers of a request tells."""

    request_id: str
    header_count: int
    header_bytes: int
    deciding: tuple[tuple[bytes, bytes], ...]
    """The headers on which answers that are remembered may depend."""
    asks_for_range: bool
    lone_range: bytes | None
    """The value of Range, where it stands once, and without If-Range and If-None-Match."""
    has_session: bool
    """Whether there is a session's cookie; it may be nobody's."""


class ClientLeft(Exception):
    """The client closed the connection; nobody is there to be answered."""


class Request:
    """One request. `caller` and, on a repo's route, `repo` are decided before a handler sees it.

    `signed_in` is who sits in front of a browser, None for tokens and for nobody; `csrf_token` what their forms have to
    send back (`http.browsers`), empty without a session. `limit_headers` say how much more may be
    asked, where that is limited.
    """

    __slots__ = (
        "_base_url",
        "_body",
        "_headers",
        "_query",
        "_receive",
        "answer_to_keep",
        "body_bytes_max",
        "body_has_ended",
        "caller",
        "csrf_token",
        "download",
        "has_stale_session",
        "hub",
        "id",
        "limit_headers",
        "method",
        "params",
        "raw_path",
        "repo_or_none",
        "scope",
        "signed_in",
        "summary",
    )

    def __init__(self, scope: dict[str, Any], receive: Receive, hub: "Hub", summary: "Summary") -> None:
        self.scope = scope
        self.hub = hub
        self.summary = summary
        self.id = summary.request_id
        self.answer_to_keep: Answer | None = None
        self.download: Download | None = None
        """What answering this may count as."""
        self.method: str = scope["method"]
        self.raw_path: str = scope["raw_path"].decode("latin-1")
        self.params: dict[str, str] = {}
        self.caller = _NOBODY
        self.signed_in: SignedIn | None = None
        self.csrf_token = ""
        self.has_stale_session = False
        self.limit_headers: Headers = []
        self.repo_or_none: Repo | None = None
        self.body_bytes_max = hub.config.json_bytes_max
        self.body_has_ended = False
        self._receive = receive
        # By hand: functools.cached_property takes a lock.
        self._headers: dict[str, str] | None = None
        self._query: Query | None = None
        self._base_url: str | None = None
        self._body: bytes | None = None

    @property
    def repo(self) -> Repo:
        """The opened repo of a route whose pattern has `{repo:...}`."""
        assert self.repo_or_none is not None, "this route is not about a repo"  # noqa: S101
        return self.repo_or_none

    @property
    def headers(self) -> dict[str, str]:
        """Lower-case names, as ASGI has them; repeated headers are joined with `, ` (RFC 9110 section 5.3)."""
        found = self._headers
        if found is None:
            raw = self.scope["headers"]
            found = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
            if len(found) != len(raw):
                found = _joined(raw)
            self._headers = found
        return found

    @property
    def query(self) -> "Query":
        found = self._query
        if found is None:
            text = self.scope["query_string"].decode("latin-1")
            try:
                if "%00" in text:
                    raise ValueError
                pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_FORM_FIELDS_MAX)
            except (UnicodeDecodeError, ValueError):
                raise BadRequest(
                    "The query string is not valid: UTF-8 without NUL, percent-encoded, is expected"
                ) from None
            found = self._query = Query(pairs)
        return found

    @property
    def raw_query(self) -> str:
        return str(self.scope["query_string"].decode("latin-1"))

    @property
    def base_url(self) -> str:
        """`https://host` without a slash: what every absolute address in an answer starts with."""
        found = self._base_url
        if found is None:
            found = self._base_url = self.hub.addresses.base_url(self.scope, self.headers)
        return found

    def remember(self, answer: "Answer") -> None:
        """The answer, or how to give it, is the same for an equal question until something is committed (`http.answers`).

        It may depend on the path, the query, the caller, the public address, If-None-Match, the database and git; a
        function also on Range and If-Range. On nothing else, such as the time, a file or an index.
        """
        self.answer_to_keep = answer

    async def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Runs a plain function of the core in a worker thread."""
        return await threads.run(function, *args, **kwargs)

    # --- body ---

    async def stream(self) -> AsyncIterator[bytes]:
        """The body in pieces, as it arrives; the caller counts and limits.

        Raises ClientLeft when it breaks off, RequestTimeout when it stands still or drips.
        """
        patience = self.hub.config.body_stall_seconds
        announced = self.headers.get("content-length", "")
        to_come = int(announced) if announced.isdigit() else math.inf
        waited, received = 0.0, 0
        while not self.body_has_ended:
            began = time.monotonic()
            message = await self._next_message(patience - waited)
            chunk = message.get("body", b"")
            received += len(chunk)
            to_come -= len(chunk)
            if to_come <= 0:
                # It is whole; Granian says so in a message of its own, which takes three more switches between threads.
                self.body_has_ended = True
            # Only waiting counts, not what is done with the pieces in between.
            waited += time.monotonic() - began
            if received >= _STALL_BYTES:
                waited, received = 0.0, 0
            if chunk:
                yield chunk

    async def _next_message(self, seconds: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                message = await self._receive()
        except TimeoutError:
            self.body_has_ended = True
            raise RequestTimeout("The body of the request came too slowly: try again") from None
        self.body_has_ended = not message.get("more_body", False)
        if message["type"] == "http.disconnect":
            raise ClientLeft
        return message

    async def unless_left(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns; it is cancelled when the client leaves meanwhile. For after the body has been read whole.

        Raises ClientLeft.
        """
        doing = asyncio.ensure_future(work)
        leaving: asyncio.Future[None] | None = None
        try:
            # To watch the client takes several switches between threads: for work that is quick that is most of the time.
            await asyncio.wait((doing,), timeout=_UNWATCHED_SECONDS)
            if not doing.done():
                leaving = asyncio.ensure_future(left(self._receive))
                await asyncio.wait((doing, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise ClientLeft
            return doing.result()
        finally:
            doing.cancel()
            if leaving is not None:
                leaving.cancel()

    async def discard_rest(self) -> None:
        """Takes what is left of a body that nobody read: a connection closed on it may swallow the answer."""
        if self.method in ("GET", "HEAD", "OPTIONS"):
            return
        size = 0
        with contextlib.suppress(ClientLeft, RequestTimeout, TimeoutError):
            async with asyncio.timeout(_DISCARD_SECONDS):
                async for chunk in self.stream():
                    size += len(chunk)
                    if size > _DISCARD_BYTES_MAX:
                        return

    async def body(self) -> bytes:
        """The whole body, which may be asked for again. Raises TooLarge past the route's limit, before it is all read."""
        if self._body is None:
            self._body = await self._read_body()
        return self._body

    async def _read_body(self) -> bytes:
        self.refuse_encoding()
        announced = self.headers.get("content-length", "0")
        limit = self.body_bytes_max
        if announced.isdigit() and int(announced) > limit:
            raise TooLarge(f"The body may have at most {limit} bytes")
        parts, size = list[bytes](), 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > limit:
                raise TooLarge(f"The body may have at most {limit} bytes")
            parts.append(chunk)
        return b"".join(parts)

    async def json(self, shape: type[T]) -> T:
        """The body as `shape` (a msgspec Struct or any type it knows). Raises BadRequest, naming the field."""
        return decode_json(await self.body(), shape)

    @property
    def is_form(self) -> bool:
        """Whether the body is what a page's form sends, with or without files."""
        return self._form_kind in (_FORM, _FORM_WITH_FILES)

    @property
    def _form_kind(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def form(self) -> "Query":
        """The fields of a page's form. Raises UnsupportedMediaType for another kind of body, BadRequest."""
        if not self.is_form:
            raise UnsupportedMediaType(f"A form is expected here: {_FORM}")
        if self._form_kind == _FORM_WITH_FILES:
            return Query(multipart.parse(self.headers["content-type"], await self.body()).fields)
        return Query(_form_pairs(await self.body()))

    async def files(self) -> "list[multipart.SentFile]":
        """The files of a page's form, in memory: for small ones. Raises as `form`."""
        if self._form_kind != _FORM_WITH_FILES:
            raise UnsupportedMediaType(f"A form with files is expected here: {_FORM_WITH_FILES}")
        return multipart.parse(self.headers["content-type"], await self.body()).files

    async def form_or_json(self) -> dict[str, list[str]]:
        """A form (as the Python client sends) or a flat JSON object (as the JavaScript client does): lists of texts by name."""
        body = await self.body()
        if "json" in self.headers.get("content-type", "") or body[:1] == b"{":
            found = decode_json(body, dict[str, Any])
            return {
                k: [_text(v) for v in (value if isinstance(value, list) else [value])] for k, value in found.items()
            }
        return Query(_form_pairs(body)).lists

    def refuse_encoding(self) -> None:
        """Before a body is read: raises UnsupportedMediaType for a compressed one, which could inflate without limit."""
        encoding = self.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise UnsupportedMediaType(f"Content-Encoding {encoding!r} is not accepted here: send the body as it is")


def _form_pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FORM_FIELDS_MAX)
    except (UnicodeDecodeError, ValueError):
        raise BadRequest("The form is not valid: at most 20,000 fields, UTF-8, percent-encoded") from None
    return pairs


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Query:
    """Query parameters; a name may stand several times, `name[]` is the same as `name`."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.lists: dict[str, list[str]] = {}
        for name, value in pairs:
            self.lists.setdefault(name.removesuffix("[]"), []).append(value)

    def get(self, name: str) -> str | None:
        """The last value, or None."""
        values = self.lists.get(name)
        return values[-1] if values else None

    def all(self, name: str) -> list[str]:
        return self.lists.get(name, [])

    def flag(self, name: str) -> bool:
        """`true`, `True` and `1` are true (httpx and requests differ); absent is false. Raises BadRequest otherwise."""
        text = (self.get(name) or "false").lower()
        if text in ("true", "1"):
            return True
        if text in ("false", "0"):
            return False
        raise BadRequest(f'"{name}" must be a boolean')

    def number(self, name: str, *, default: int, most: int) -> int:
        """A whole number from 0; larger than `most` counts as `most`. Raises BadRequest."""
        text = self.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise BadRequest(f'"{name}" must be a number')
        return min(int(text), most)


async def left(receive: Receive) -> None:
    """Returns when the client has: Granian tells nobody but those who receive."""
    while (await receive())["type"] != "http.disconnect":
        pass


def decode_json(data: bytes | bytearray | msgspec.Raw, shape: type[T]) -> T:
    """The one way in for JSON: depth, size of numbers, NaN, surrogates and shape all end in BadRequest."""
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The JSON body is not of the expected shape: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not valid JSON: {str(error)[:200]}") from None


def _joined(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


# --- responses ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Response:
    """`body` is what is sent: bytes at once, or a Source whose bytes are read while sending."""

    status: int = 200
    headers: Headers = field(default_factory=list)
    body: "bytes | Source" = b""
    encoded: Encoded | None = None
    """The headers as they are sent, once they were: an answer that is remembered goes out many times."""


Answer = Response | Callable[[Request], Awaitable[Response]]
"""One that can be given again: as it is, or by a function that looks at the range that is asked for."""

_CONTENT_JSON = ("Content-Type", "application/json; charset=utf-8")


def json_response(content: object, *, status: int = 200, headers: Headers | None = None) -> Response:
    """Compact JSON (DuckDB's scanner needs it so: clients.md section 0)."""
    return Response(status, [_CONTENT_JSON, *(headers or ())], msgspec.json.encode(content))


def cached_json(request: Request, content: object, *, headers: Headers | None = None) -> Response:
    """JSON with a weak ETag; 304 when the client has it already."""
    return cached(request, msgspec.json.encode(content), headers=headers)


def cached(request: Request, body: bytes, *, headers: Headers | None = None) -> Response:
    """As `cached_json`, of what is JSON already."""
    etag = f'W/"{len(body):x}-{hashlib.sha1(body, usedforsecurity=False).hexdigest()[:24]}"'
    extra = [("ETag", etag), *(headers or ())]
    if request.headers.get("if-none-match") == etag:
        return Response(304, extra)
    return Response(200, [_CONTENT_JSON, *extra], body)


def text_response(text: str, *, status: int = 200, headers: Headers | None = None) -> Response:
    return Response(status, [("Content-Type", "text/plain; charset=utf-8"), *(headers or ())], text.encode())


def redirect(location: str, *, status: int = 307, headers: Headers | None = None) -> Response:
    return Response(status, [("Location", location), *(headers or ())])


def next_page(request: Request, cursor: str | None) -> Headers:
    """The `Link` header to the next page: this address with another `cursor`; none at the end."""
    if cursor is None:
        return []
    kept = [(name, value) for name, values in request.query.lists.items() if name != "cursor" for value in values]
    query = urlencode([*kept, ("cursor", cursor)])
    return [("Link", f'<{request.base_url}{request.raw_path}?{query}>; rel="next"')]
