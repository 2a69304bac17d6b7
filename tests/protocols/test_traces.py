"""Traces of a live hub, as a collector of OpenTelemetry gets them: a model that is asked, through to its worker."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from tests import encoders, publishing
from tests.hub import Hub, free_port

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OTHER = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[tuple[str, str, str, dict[str, Any]]] = []
        """Path, content type, authorization, body."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self, trace_id: str) -> dict[str, dict[str, Any]]:
        """Of one trace, by their names."""
        messages = [body["resourceSpans"][0]["scopeSpans"][0]["spans"] for *_, body in self.taken]
        return {span["name"]: span for spans in messages for span in spans if span["traceId"] == trace_id}


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = (self.path, self.headers["content-type"], self.headers["authorization"] or "", body)
        self.server.taken.append(said)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Not on the terminal."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_time_of_a_question_goes_to_the_collector_part_by_part(tmp_path: Path, collector: Collector) -> None:
    """The trace of the client goes on; the hub's own log names it; the collector lies inside, and may."""
    port = free_port()
    settings = {
        "GRPC_PORT": str(port),
        "OTLP_ENDPOINT": collector.endpoint,
        "OTLP_HEADERS": "authorization=Bearer%20abc",
        "LOG_LEVEL": "debug",
    }
    with Hub(tmp_path, settings) as hub:
        olga = hub.user("olga")
        with httpx.Client(base_url=hub.endpoint, headers=olga.bearer, timeout=60) as client:
            publishing.create(client, "olga/sentiment")
            files = encoders.classifier({"good": [0, 4]}, ["NEGATIVE", "POSITIVE"])
            card = "---\npipeline_tag: text-classification\n---\n"
            publishing.commit(client, "olga/sentiment", {"README.md": card, **files})
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            answer = client.post("/models/olga/sentiment", json={"inputs": "good"}, headers=headers)
            assert answer.status_code == 200
        question = service_pb2.ModelInferRequest(model_name="olga/sentiment")
        question.inputs.add(name="inputs", datatype="BYTES", shape=[1]).contents.bytes_contents.append(b"good")
        with grpc.insecure_channel(f"localhost:{port}") as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            stub.ModelInfer(question, metadata=[("traceparent", f"00-{OTHER}-{PARENT}-01")], timeout=60)
    assert f'"trace":"{TRACE}"' in hub.output()  # what a process has is sent when it ends, too
    path, kind, token, _ = collector.taken[0]
    assert (path, kind, token) == ("/v1/traces", "application/json", "Bearer abc")
    found = collector.spans(TRACE)
    whole = found["POST /models/{repo:web}"]
    assert (whole["parentSpanId"], whole["kind"]) == (PARENT, 2)
    for name in ("wait for worker", "worker"):
        assert (found[name]["parentSpanId"], found[name]["kind"]) == (whole["spanId"], 3)
    assert {"key": "engine", "value": {"stringValue": "onnx"}} in found["worker"]["attributes"]
    by_grpc = collector.spans(OTHER)
    assert by_grpc["inference.GRPCInferenceService/ModelInfer"]["parentSpanId"] == PARENT
    assert by_grpc["worker"]["parentSpanId"] == by_grpc["inference.GRPCInferenceService/ModelInfer"]["spanId"]
    assert {"key": "http.response.status_code", "value": {"intValue": "200"}} in whole["attributes"]
