"""Models that are asked over the Open Inference Protocol, by Triton's own clients, on a live hub with its workers."""

import gzip
import json
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

from tests import encoders, publishing, writers
from tests.hub import Account, Hub

WORDS = {"good": [0, 4], "bad": [4, 0], "film": [0, 0]}
LABELS = ["NEGATIVE", "POSITIVE"]
ROWS = {"cat": [1.0, 0.0], "dog": [0.6, 0.8], "car": [0.0, 1.0]}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("open"), {"INFERENCE_WAIT_SECONDS": "60"}) as hub:
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
