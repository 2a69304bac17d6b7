"""Spans of requests and of their parts: whose trace they are in, which are told, and what a collector gets."""

import contextvars
import json
from collections.abc import Callable
from typing import Any

import pytest

from pioche.errors import Unreachable
from pioche.observe import log, traces
from pioche.observe.traces import CLIENT, Span, Tracer

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADER = f"00-{TRACE}-{PARENT}-01"


class Collected:
    """What was sent; refuses when told so."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.is_down = False

    def send(self, body: bytes) -> None:
        if self.is_down:
            raise Unreachable("nobody there")
        self.bodies.append(json.loads(body))

    @property
    def spans(self) -> list[dict[str, Any]]:
        return [span for body in self.bodies for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]]


@pytest.fixture
def collected() -> Collected:
    return Collected()


@pytest.fixture
def tracer(collected: Collected) -> Tracer:
    return Tracer(collected.send)


def request(story: Callable[[], None]) -> None:
    """As a server has it: what one request sets is not there for the next."""
    contextvars.Context().run(story)


def test_a_request_goes_on_with_the_trace_of_whoever_asked(tracer: Tracer, collected: Collected) -> None:
    def story() -> None:
        span = tracer.begin("POST /models/{repo}", HEADER)
        assert log.trace_id.get() == TRACE
        part = traces.child("worker", CLIENT, {"engine": "onnx", "size": 2, "share": 0.5, "whole": True})
        assert part.header == f"00-{TRACE}-{part.span_id}-01"
        part.end("it failed")
        span.end()
        span.end("told twice")

    request(story)
    tracer.flush()
    part, whole = collected.spans
    assert (whole["traceId"], whole["parentSpanId"], whole["kind"], whole["status"]) == (TRACE, PARENT, 2, {})
    assert (part["traceId"], part["parentSpanId"], part["name"]) == (TRACE, whole["spanId"], "worker")
    assert part["status"] == {"code": 2, "message": "it failed"}
    assert {one["key"]: one["value"] for one in part["attributes"]} == {
        "engine": {"stringValue": "onnx"},
        "size": {"intValue": "2"},
        "share": {"doubleValue": 0.5},
        "whole": {"boolValue": True},
    }
    assert int(part["startTimeUnixNano"]) <= int(part["endTimeUnixNano"])
    resource = collected.bodies[0]["resourceSpans"][0]["resource"]["attributes"]
    assert {"key": "service.name", "value": {"stringValue": "pioche"}} in resource


@pytest.mark.parametrize(
    "header",
    ["", "x", f"ff-{TRACE}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", HEADER.upper()],
)
def test_what_is_no_trace_begins_one(tracer: Tracer, header: str) -> None:
    def story() -> None:
        span = tracer.begin("GET", header)
        assert len(span.trace_id) == 32
        assert (span.trace_id == TRACE, span.parent_id) == (False, "")

    request(story)


def test_who_does_not_want_a_trace_is_told_to_nobody_and_passed_on(tracer: Tracer, collected: Collected) -> None:
    def story() -> None:
        span = tracer.begin("GET", HEADER[:-1] + "0")
        assert traces.child("worker", CLIENT, {}).header.startswith(f"00-{TRACE}-")
        assert traces.child("worker", CLIENT, {}).header.endswith("-00")
        span.end()

    request(story)
    tracer.flush()
    assert collected.bodies == []


def test_none_of_a_hundred(collected: Collected) -> None:
    tracer = Tracer(collected.send, 0)
    request(lambda: tracer.begin("GET", "").end())
    request(lambda: tracer.begin("GET", HEADER).end())
    tracer.flush()
    assert [span["traceId"] for span in collected.spans] == [TRACE]


def test_where_nothing_is_traced_there_is_nothing_to_pass_on() -> None:
    def story() -> None:
        part = traces.child("worker", CLIENT, {})
        assert (part.header, part.attributes) == ("", {})
        part.end("nobody hears of it")

    request(story)


def test_a_collector_that_is_away_costs_its_spans_alone(tracer: Tracer, collected: Collected) -> None:
    collected.is_down = True
    request(lambda: tracer.begin("GET", "").end())
    tracer.flush()
    collected.is_down = False
    tracer.flush()
    assert collected.bodies == []


def test_more_spans_than_are_kept_are_lost_and_the_rest_go_in_parts(tracer: Tracer, collected: Collected) -> None:
    def story() -> None:
        for _ in range(5000):
            Span(tracer, "x", CLIENT, TRACE, PARENT).end()

    request(story)
    tracer.flush()
    assert (len(collected.bodies), len(collected.spans)) == (8, 4096)
