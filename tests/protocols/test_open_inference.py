"""Models that are asked over the Open Inference Protocol, by Triton's own clients, on a live hub with its workers."""

import asyncio
import gzip
import json
import queue
import time
from collections.abc import AsyncIterator, Iterator

import grpc
import httpx
import numpy as np
import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient import grpc as by_grpc
from tritonclient import http as triton
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from pioche.config import Config
from pioche.http.addresses import Addresses
from pioche.protocols.inference.grpc import guard, messages
from tests import encoders, publishing, writers
from tests.hub import Account, Hub, free_port

WORDS = {"good": [0, 4], "bad": [4, 0], "film": [0, 0]}
LABELS = ["NEGATIVE", "POSITIVE"]
ROWS = {"cat": [1.0, 0.0], "dog": [0.6, 0.8], "car": [0.0, 1.0]}


BODY_BYTES_MAX = 1_000_000
CALLS_EACH = 40


@pytest.fixture(scope="module")
def grpc_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, grpc_port: int) -> Iterator[Hub]:
    settings = {
        "INFERENCE_WAIT_SECONDS": "60",
        "GRPC_PORT": str(grpc_port),
        "GRPC_CALLS_EACH": str(CALLS_EACH),
        "INFERENCE_BODY_BYTES_MAX": str(BODY_BYTES_MAX),
    }
    with Hub(tmp_path_factory.mktemp("open"), settings) as hub:
        yield hub


@pytest.fixture(scope="module")
def owner(serving: Hub) -> Account:
    return serving.user("olga")


def publish(hub: Hub, owner: Account, name: str, task: str, files: encoders.Files, *, private: bool = False) -> str:
    """A model of this task; returns its id."""
    full = f"{owner.name}/{name}"
    with httpx.Client(base_url=hub.endpoint, headers=owner.bearer, timeout=60) as client:
        publishing.create(client, full, private=private)
        publishing.commit(client, full, {"README.md": f"---\npipeline_tag: {task}\n---\n# A model\n", **files})
    return full


@pytest.fixture(scope="module")
def classifier(serving: Hub, owner: Account) -> str:
    return publish(serving, owner, "sentiment", "text-classification", encoders.classifier(WORDS, LABELS))


@pytest.fixture(scope="module")
def embedder(serving: Hub, owner: Account) -> str:
    return publish(serving, owner, "embeddings", "feature-extraction", encoders.embedder(ROWS))


@pytest.fixture(scope="module")
def writer(serving: Hub, owner: Account) -> str:
    return publish(serving, owner, "writer", "text-generation", {"model-Q8_0.gguf": writers.writer()})


@pytest.fixture
def client(serving: Hub) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"localhost:{serving.port}") as client:
        yield client


def words(name: str, *texts: str, binary: bool = True) -> triton.InferInput:
    tensor = triton.InferInput(name, [len(texts)], "BYTES")
    return tensor.set_data_from_numpy(np.array(texts, dtype=object), binary_data=binary)


def test_triton_s_client_finds_what_there_is(client: triton.InferenceServerClient, classifier: str) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(classifier)
    assert client.is_model_ready(classifier, "main")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    described = client.get_model_metadata(classifier)
    assert described["name"] == classifier
    assert len(described["versions"][0]) == 40
    assert described["inputs"] == [{"name": "inputs", "datatype": "BYTES", "shape": [-1]}]
    assert [one["name"] for one in described["outputs"]] == ["label", "score"]


@pytest.mark.parametrize("binary", [True, False])
def test_triton_s_client_classifies(client: triton.InferenceServerClient, classifier: str, binary: bool) -> None:
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("label", "score")]
    asked = [words("inputs", "a good film", "a bad film", binary=binary)]
    answer = client.infer(classifier, asked, outputs=outputs, request_id="7", parameters={"top_k": 1})
    assert [str(value, "utf-8") if binary else value for value in answer.as_numpy("label")[:, 0]] == LABELS[::-1]
    assert answer.as_numpy("score").dtype == np.float32
    assert answer.as_numpy("score").min() > 0.9
    assert answer.get_response()["id"] == "7"


def test_triton_s_client_embeds_and_compares(client: triton.InferenceServerClient, embedder: str) -> None:
    answer = client.infer(embedder, [words("inputs", "cat", "car")])
    assert answer.as_numpy("embeddings").round(3).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    commit = answer.get_response()["model_version"]
    pair = [words("source_sentence", "cat"), words("sentences", "dog", "car")]
    near, far = client.infer(embedder, pair, model_version=commit).as_numpy("similarity").tolist()
    assert (round(near, 3), round(far, 3)) == (0.6, 0.0)


def test_triton_s_client_has_a_text_written(client: triton.InferenceServerClient, writer: str) -> None:
    more = words("parameters", json.dumps({"do_sample": False, "stop": ["z"]}))
    answer = client.infer(writer, [words("inputs", "stuvw"), more])
    assert answer.as_numpy("generated_text").tolist() == [b"xy"]
    with pytest.raises(InferenceServerException, match="stream"):
        client.infer(writer, [words("inputs", "stuvw")], parameters={"stream": True})


def test_what_is_wrong_is_said_in_the_protocol_s_words(serving: Hub, classifier: str) -> None:
    def refused(body: object, headers: dict[str, str] | None = None, *, name: str = classifier) -> tuple[int, str]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = httpx.post(f"{serving.endpoint}/v2/models/{name}/infer", content=content, headers=headers, timeout=60)
        assert list(answer.json()) == ["error"]
        return answer.status_code, answer.json()["error"]

    def tensor(**changed: object) -> dict[str, object]:
        return {"inputs": [{"name": "inputs", "shape": [1], "datatype": "BYTES", "data": ["x"], **changed}]}

    assert refused(tensor(datatype="FP32", data=[1.0])) == (400, "inputs: models of this hub take BYTES, not FP32")
    assert refused(tensor(shape=[2]))[0] == 400
    assert refused(tensor(name="text")) == (400, "text: there is no such input: inputs, parameters")
    assert refused(tensor(data=[1]))[0] == 400
    assert refused({**tensor(), "outputs": [{"name": "logits"}]})[0] == 400
    assert refused({**tensor(), "parameters": {"absent": 1}}) == (
        400,
        "parameters.absent: this task has no such field",
    )
    assert refused({"inputs": []}) == (400, "inputs: this tensor is needed")
    assert refused(b"{")[0] == 400
    assert refused(b"{}", {"Inference-Header-Content-Length": "9"})[0] == 400
    behind = json.dumps(tensor(data=None, parameters={"binary_data_size": 5})).encode()
    length = {"Inference-Header-Content-Length": str(len(behind))}
    assert refused(behind + b"\x09\0\0\0x", length)[1] == "inputs: its binary data ends in the middle of an element"
    assert refused(behind + b"\x01\0\0\0xy", length)[0] == 400
    assert refused(behind, length)[0] == 400
    assert refused(gzip.compress(behind), {"Content-Encoding": "gzip"})[0] == 415
    assert refused(tensor(), name=f"{classifier}/versions/absent")[0] == 404


def test_a_private_model_is_absent_and_a_slash_may_be_encoded(serving: Hub, owner: Account, classifier: str) -> None:
    hidden = publish(serving, owner, "hidden", "feature-extraction", encoders.embedder(ROWS), private=True)
    with triton.InferenceServerClient(f"localhost:{serving.port}") as client:
        assert not client.is_model_ready(hidden)
        with pytest.raises(InferenceServerException) as refused:
            client.infer(hidden, [words("inputs", "cat")])
        assert refused.value.status() == "401"
        answer = client.infer(hidden, [words("inputs", "cat")], headers=owner.bearer)
        assert answer.as_numpy("embeddings").shape == (1, 2)
    encoded = classifier.replace("/", "%2F")
    assert httpx.get(f"{serving.endpoint}/v2/models/{encoded}/ready", timeout=60).json()["ready"] is True
    sent = {"inputs": [{"name": "inputs", "shape": [1], "datatype": "BYTES", "data": ["good"]}]}
    answer = httpx.post(f"{serving.endpoint}/v2/models/{encoded}/infer", json=sent, timeout=60).json()
    assert answer["outputs"][0]["data"][0] == "POSITIVE"


# --- gRPC ---


@pytest.fixture
def caller(serving: Hub, grpc_port: int) -> Iterator[by_grpc.InferenceServerClient]:
    with by_grpc.InferenceServerClient(f"localhost:{grpc_port}") as client:
        yield client


def tensor(name: str, *texts: str) -> by_grpc.InferInput:
    return by_grpc.InferInput(name, [len(texts)], "BYTES").set_data_from_numpy(np.array(texts, dtype=object))


def fields(message: Descriptor) -> list[tuple[object, ...]]:
    """All that decides what a message's bytes are, of those within it too."""
    own = [
        (one.number, one.name, one.type, one.is_repeated, one.message_type and one.message_type.full_name)
        for one in message.fields
    ]
    return sorted(own, key=str) + [fields(one) for _name, one in sorted(message.nested_types_by_name.items())]


def test_the_messages_are_those_of_triton() -> None:
    theirs = service_pb2.DESCRIPTOR.message_types_by_name
    for name, ours in messages.CLASSES.items():
        assert fields(ours.DESCRIPTOR) == fields(theirs[name]), name


def test_grpc_triton_s_client_finds_what_there_is(caller: by_grpc.InferenceServerClient, classifier: str) -> None:
    assert caller.is_server_live()
    assert caller.is_server_ready()
    assert caller.is_model_ready(classifier)
    assert caller.get_server_metadata().name == "pioche"
    described = caller.get_model_metadata(classifier)
    assert [(one.name, one.datatype, list(one.shape)) for one in described.inputs] == [("inputs", "BYTES", [-1])]
    assert [one.name for one in described.outputs] == ["label", "score"]


def test_grpc_triton_s_client_asks(
    caller: by_grpc.InferenceServerClient, classifier: str, embedder: str, writer: str
) -> None:
    asked = [tensor("inputs", "a good film", "a bad film")]
    outputs = [by_grpc.InferRequestedOutput("label")]
    answer = caller.infer(classifier, asked, outputs=outputs, request_id="7", parameters={"top_k": 1})
    assert answer.as_numpy("label").tolist() == [[b"POSITIVE"], [b"NEGATIVE"]]
    assert answer.as_numpy("score") is None
    assert answer.get_response().id == "7"
    rows = caller.infer(embedder, [tensor("inputs", "cat", "car")], model_version="main").as_numpy("embeddings")
    assert rows.round(3).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    more = tensor("parameters", json.dumps({"do_sample": False, "stop": ["z"]}))
    written = caller.infer(writer, [tensor("inputs", "stuvw"), more])
    assert written.as_numpy("generated_text").tolist() == [b"xy"]


def test_grpc_typed_contents_are_answered_so(serving: Hub, grpc_port: int, classifier: str) -> None:
    request = messages.CLASSES["ModelInferRequest"](model_name=classifier)
    request.inputs.add(name="inputs", datatype="BYTES", shape=[1]).contents.bytes_contents.append(b"good")
    with grpc.insecure_channel(f"localhost:{grpc_port}") as channel:
        reply = messages.CLASSES["ModelInferResponse"].FromString
        call = channel.unary_unary(f"/{messages.SERVICE}/ModelInfer", type(request).SerializeToString, reply)
        label, score = call(request, timeout=60).outputs
    assert label.contents.bytes_contents[0] == b"POSITIVE"
    assert score.contents.fp32_contents[0] > 0.9


def test_grpc_a_text_comes_as_it_is_written(caller: by_grpc.InferenceServerClient, writer: str, embedder: str) -> None:
    parts = queue.Queue[tuple[by_grpc.InferResult | None, Exception | None]]()
    caller.start_stream(lambda result, error: parts.put((result, error)))
    caller.async_stream_infer(writer, [tensor("inputs", "stuvw")], request_id="a")
    text, is_final = list[bytes](), False
    while not is_final:
        result, error = parts.get(timeout=60)
        assert error is None
        assert result is not None
        text.append(result.as_numpy("generated_text")[0])
        is_final = result.get_response().parameters["triton_final_response"].bool_param
    assert b"".join(text) == b"xyz"
    assert len(text) > 1
    # A refusal does not end the stream.
    caller.async_stream_infer(writer, [tensor("text", "stuvw")])
    assert "no such input" in str(parts.get(timeout=60)[1])
    caller.async_stream_infer(embedder, [tensor("inputs", "cat")])
    result, _ = parts.get(timeout=60)
    assert result is not None
    assert result.as_numpy("embeddings").shape == (1, 2)
    caller.stop_stream()


def test_grpc_who_may_not_read_may_not_ask(
    caller: by_grpc.InferenceServerClient, serving: Hub, owner: Account, classifier: str
) -> None:
    secret = publish(serving, owner, "secret", "feature-extraction", encoders.embedder(ROWS), private=True)
    asked = [tensor("inputs", "cat")]

    def refused(name: str, **more: object) -> str:
        with pytest.raises(InferenceServerException) as error:
            caller.infer(name, asked, **more)
        return str(error.value.status())

    sven = serving.user("sven")
    assert refused(secret) == refused("olga/absent") == "StatusCode.UNAUTHENTICATED"
    assert refused(secret, headers={"authorization": f"Bearer {sven.token}"}) == "StatusCode.NOT_FOUND"
    assert refused(classifier, headers={"authorization": "Bearer hf_wrong"}) == "StatusCode.UNAUTHENTICATED"
    mine = {"authorization": f"Bearer {owner.token}"}
    assert caller.infer(secret, asked, headers=mine).as_numpy("embeddings").shape == (1, 2)
    assert refused(classifier, model_version="absent") == "StatusCode.NOT_FOUND"
    assert refused(classifier, parameters={"absent": 1}) == "StatusCode.INVALID_ARGUMENT"
    large = [tensor("inputs", "x" * BODY_BYTES_MAX)]
    with pytest.raises(InferenceServerException, match="larger than max"):
        caller.infer(classifier, large)


def test_grpc_a_call_that_is_cancelled_ends_the_work(serving: Hub, grpc_port: int, owner: Account) -> None:
    cold = publish(serving, owner, "left", "text-classification", encoders.classifier(WORDS, LABELS))
    request = messages.CLASSES["ModelInferRequest"](model_name=cold)
    request.inputs.add(name="inputs", datatype="BYTES", shape=[1]).contents.bytes_contents.append(b"good")
    figures = (
        'pioche_inference_requests_total{code="499",task="text-classification"}',
        'pioche_inference_requests_total{code="503",task="text-classification"}',  # its patience ended first
    )
    with grpc.insecure_channel(f"localhost:{grpc_port}") as channel:
        call = channel.unary_unary(f"/{messages.SERVICE}/ModelInfer", type(request).SerializeToString)
        with pytest.raises(grpc.RpcError) as ended:
            call(request, timeout=0.1)
    assert ended.value.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        told = httpx.get(f"{serving.endpoint}/metrics").text
        if any(figure in told for figure in figures):
            return
        time.sleep(0.2)
    pytest.fail("the work went on")


def test_grpc_an_address_holds_no_more_than_its_share_of_calls(serving: Hub, grpc_port: int) -> None:
    """A stranger could hold all of the calls that the port takes."""
    with grpc.insecure_channel(f"localhost:{grpc_port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        asked = health_pb2.HealthCheckRequest()
        held = [health.Watch(asked) for _ in range(CALLS_EACH)]
        assert all(next(one).status == health_pb2.HealthCheckResponse.SERVING for one in held)
        with pytest.raises(grpc.RpcError) as refused:
            health.Check(asked)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        for one in held:
            one.cancel()
        for _ in range(200):
            try:
                assert health.Check(asked).status == health_pb2.HealthCheckResponse.SERVING
            except grpc.RpcError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("calls that ended still count")


def test_grpc_calls_that_ask_nothing_end() -> None:
    """Whether they are to have one request or several; what is asked in between begins the time anew."""
    asyncio.run(_ask_nothing())


async def _ask_nothing() -> None:

    async def echo(requests: AsyncIterator[bytes], _context: object) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request

    async def once(request: bytes, _context: object) -> bytes:
        return request

    server = grpc.aio.server(interceptors=(guard.Guard(Addresses(Config()), idle_seconds=0.3, calls_each_max=9),))
    handlers = {"Echo": grpc.stream_stream_rpc_method_handler(echo), "Once": grpc.unary_unary_rpc_method_handler(once)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("x.Y", handlers),))
    port = server.add_insecure_port("localhost:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
            assert await channel.unary_unary("/x.Y/Once")(b"a") == b"a"
            stream = channel.stream_stream("/x.Y/Echo")()
            for request in (b"a", b"b"):
                await stream.write(request)
                assert await stream.read() == request
            for silent in (stream, channel.stream_stream("/x.Y/Once")()):
                assert await silent.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            empty = channel.stream_stream("/x.Y/Once")()
            await empty.done_writing()
            assert await empty.code() is grpc.StatusCode.INVALID_ARGUMENT
    finally:
        await server.stop(None)


def test_grpc_health_and_reflection(serving: Hub, grpc_port: int) -> None:
    with grpc.insecure_channel(f"localhost:{grpc_port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        found = health.Check(health_pb2.HealthCheckRequest(service=messages.SERVICE), timeout=60)
        assert found.status == health_pb2.HealthCheckResponse.SERVING
        told = ProtoReflectionDescriptorDatabase(channel)
        assert {messages.SERVICE, "grpc.health.v1.Health"} <= set(told.get_services())
        service = DescriptorPool(told).FindServiceByName(messages.SERVICE)
        assert "ModelInfer" in service.methods_by_name
        assert DescriptorPool(told).FindServiceByName("grpc.health.v1.Health") is not None
