"""Where the time of a request goes, for a collector that speaks OpenTelemetry's protocol.

A `Tracer` begins the span of a request, which goes on with the trace of whoever asked (W3C's `traceparent`); `child` begins a part
of it, wherever that is: the span that is open is the context's own. Where nothing is traced, `child` is one look-up.
"""

import re
import secrets
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any, Final

import msgspec

from pioche import __version__
from pioche.errors import HubError
from pioche.observe import log

PARENT: Final = "traceparent"
SERVER, INTERNAL, CLIENT = 2, 1, 3
"""Kinds of spans, as the protocol numbers them."""

_KEPT_MAX = 4096
_SENT_AT_ONCE = 512
_ERROR = 2
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?\Z")
_SAMPLED = 1

Attributes = dict[str, str | int | float | bool]
_encode = msgspec.json.Encoder().encode


class Span:
    """A part of the time of a request. `end` may be called again: the first time counts."""

    __slots__ = ("_began", "_tracer", "attributes", "kind", "name", "parent_id", "span_id", "trace_id")

    def __init__(self, tracer: "Tracer | None", name: str, kind: int, trace_id: str, parent_id: str) -> None:
        """Without a `tracer` it is in the trace, and told nobody."""
        self._tracer = tracer
        self._began = time.time_ns()
        self.name, self.kind = name, kind
        self.trace_id, self.parent_id, self.span_id = trace_id, parent_id, secrets.token_hex(8)
        self.attributes: Attributes = {}

    @property
    def header(self) -> str:
        """What who is asked gets as `traceparent`; empty where nothing is traced."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self._tracer is not None):02x}" if self.trace_id else ""

    def child(self, name: str, kind: int, attributes: Attributes) -> "Span":
        if not self.trace_id:
            return self
        found = Span(self._tracer, name, kind, self.trace_id, self.span_id)
        found.attributes = attributes
        return found

    def end(self, error: str = "", attributes: Attributes | None = None) -> None:
        tracer, self._tracer = self._tracer, None
        if tracer is not None:
            tracer.record(self._told(time.time_ns(), error, {**self.attributes, **(attributes or {})}))

    def _told(self, ended: int, error: str, attributes: Attributes) -> dict[str, Any]:
        return {
            "traceId": self.trace_id,
            "spanId": self.span_id,
            "parentSpanId": self.parent_id,
            "name": self.name,
            "kind": self.kind,
            "startTimeUnixNano": str(self._began),
            "endTimeUnixNano": str(ended),
            "attributes": _attributes(attributes),
            "status": {"code": _ERROR, "message": log.blacken(error)} if error else {},
        }


_NOTHING = Span(None, "", INTERNAL, "", "")
_open: ContextVar[Span] = ContextVar("span", default=_NOTHING)


def child(name: str, kind: int, attributes: Attributes) -> Span:
    """A part of the request that is answered here; to be ended by the caller."""
    return _open.get().child(name, kind, attributes)


async def through(span: Span, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The span ends with them."""
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece
    finally:
        span.end()


class Tracer:
    """One a process. `send` takes a request's body to the collector; what cannot be sent is lost.

    It is a buffer (`http.buffers`): spans are sent together, from a thread that answers nobody.
    """

    def __init__(self, send: Callable[[bytes], None], percent: int = 100, service: str = "pioche") -> None:
        """`percent` of the requests are traced that do not say themselves whether they are."""
        self._send = send
        self._share = percent / 100
        self._resource = {"attributes": _attributes({"service.name": service, "service.version": __version__})}
        self._spans: list[dict[str, Any]] = []
        self._lost = 0
        self._lock = threading.Lock()

    def begin(self, name: str, header: str) -> Span:
        """The span of a request, which is the context's from here on. `header` is the client's `traceparent`."""
        parent = _PARENT.match(header)
        if parent is None or parent[1] == "ff" or not int(parent[2], 16) or not int(parent[3], 16):
            trace_id, parent_id, is_sampled = (
                secrets.token_hex(16),
                "",
                secrets.randbelow(10_000) < self._share * 10_000,
            )
        else:
            trace_id, parent_id, is_sampled = parent[2], parent[3], bool(int(parent[4], 16) & _SAMPLED)
        span = Span(self if is_sampled else None, name, SERVER, trace_id, parent_id)
        _open.set(span)
        log.trace_id.set(trace_id)
        return span

    def record(self, told: dict[str, Any]) -> None:
        with self._lock:
            if len(self._spans) < _KEPT_MAX:
                self._spans.append(told)
            else:
                self._lost += 1

    def flush(self) -> None:
        """Sends what there is."""
        with self._lock:
            spans, self._spans = self._spans, []
            lost, self._lost = self._lost, 0
        try:
            for start in range(0, len(spans), _SENT_AT_ONCE):
                self._send(self._message(spans[start : start + _SENT_AT_ONCE]))
        except HubError as error:
            lost += len(spans)
            log.warning("traces not sent", error=error.message, lost=lost)
        else:
            if lost:
                log.warning("too many spans at once", lost=lost)

    def _message(self, spans: list[dict[str, Any]]) -> bytes:
        """An ExportTraceServiceRequest, in the protocol's JSON."""
        scope = {"name": "pioche", "version": __version__}
        return _encode(
            {"resourceSpans": [{"resource": self._resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]}
        )


def _attributes(values: Attributes) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: str | int | float | bool) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"stringValue": value}
