"""The Open Inference Protocol on a live hub, with Triton's own client."""

import json
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests import encoders, publishing, writers
from tests.hub import Account, Hub

WORDS = {"good": [0, 4], "bad": [4, 0]}
TABLE = {"cat": [1.0, 0.0], "dog": [0.6, 0.8], "car": [0.0, 1.0]}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("oip"), {"INFERENCE_WAIT_SECONDS": "60"}) as hub:
        yield hub


@pytest.fixture(scope="module")
def owner(serving: Hub) -> Account:
    owner = serving.user("olga")
    models: dict[str, tuple[str, encoders.Files]] = {
        "mood": ("text-classification", encoders.classifier(WORDS, ["NEGATIVE", "POSITIVE"])),
        "near": ("feature-extraction", encoders.embedder(TABLE)),
        "writer": ("text-generation", {"model-Q8_0.gguf": writers.writer()}),
    }
    with httpx.Client(base_url=serving.endpoint, headers=owner.bearer, timeout=60) as client:
        for name, (task, files) in models.items():
            publishing.create(client, f"olga/{name}")
            publishing.commit(client, f"olga/{name}", {"README.md": f"---\npipeline_tag: {task}\n---\n", **files})
        publishing.create(client, "olga/hidden", private=True)
        publishing.commit(client, "olga/hidden", {"README.md": "---\npipeline_tag: text-classification\n---\n"})
    return owner


@pytest.fixture
def client(serving: Hub, owner: Account) -> Iterator[Any]:
    with triton.InferenceServerClient(serving.endpoint.partition("://")[2], network_timeout=90) as client:
        yield client


def texts(*values: str, is_binary: bool = True) -> Any:
    made = triton.InferInput("inputs", [len(values)], "BYTES")
    made.set_data_from_numpy(np.array([value.encode() for value in values], dtype=object), binary_data=is_binary)
    return made


def test_the_server_and_a_model_describe_themselves(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    assert client.is_model_ready("olga/near")
    assert client.is_model_ready("olga/near", "main")
    shown = client.get_model_metadata("olga/near")
    assert (shown["name"], shown["platform"]) == ("olga/near", "onnx")
    assert shown["inputs"][0] == {"name": "inputs", "datatype": "BYTES", "shape": [-1]}
    assert shown["outputs"] == [{"name": "embeddings", "datatype": "FP32", "shape": [-1, -1]}]


@pytest.mark.parametrize("is_binary", [True, False], ids=["binary", "json"])
def test_embeddings_are_rows_of_floats(client: Any, is_binary: bool) -> None:
    wanted = [triton.InferRequestedOutput("embeddings", binary_data=is_binary)]
    given = [texts("cat", "dog", is_binary=is_binary)]
    found = client.infer("olga/near", given, outputs=wanted).as_numpy("embeddings")
    assert found.dtype == np.float32
    assert np.allclose(found, [[1.0, 0.0], [0.6, 0.8]], atol=1e-3)


def test_a_classifier_gives_the_json_of_its_task(client: Any) -> None:
    answer = client.infer("olga/mood", [texts("good", "bad")], request_id="seven", parameters={"top_k": 1})
    assert answer.get_response()["id"] == "seven"
    labels = [json.loads(one)[0][0]["label"] for one in answer.as_numpy("outputs")]
    assert labels == ["POSITIVE", "NEGATIVE"]


def test_parameters_may_be_a_tensor(client: Any) -> None:
    parameters = triton.InferInput("parameters", [1], "BYTES")
    parameters.set_data_from_numpy(np.array([b'{"top_k": 2}'], dtype=object))
    (found,) = client.infer("olga/mood", [texts("good"), parameters]).as_numpy("outputs")
    assert len(json.loads(found)[0]) == 2


def test_generated_text(client: Any) -> None:
    (found,) = client.infer("olga/writer", [texts("stuvw")], parameters={"max_new_tokens": 3}).as_numpy("text")
    assert found.decode().endswith("xyz")


def test_a_version_is_a_revision(client: Any) -> None:
    commit = client.get_model_metadata("olga/near")["versions"][0]
    assert client.infer("olga/near", [texts("car")], model_version=commit).get_response()["model_version"] == commit
    with pytest.raises(InferenceServerException, match="nowhere"):
        client.infer("olga/near", [texts("car")], model_version="nowhere")


def test_a_private_model_is_as_one_that_is_not_there(client: Any, serving: Hub, owner: Account) -> None:
    said = list[str]()
    for name in ("olga/hidden", "olga/nothing"):
        with pytest.raises(InferenceServerException) as refused:
            client.infer(name, [texts("x")])
        said.append(str(refused.value).replace(name, "NAME"))
    assert said[0] == said[1]
    with pytest.raises(InferenceServerException, match="onnx"):  # there are no weights: which is for its owner to know
        client.infer("olga/hidden", [texts("x")], headers=owner.bearer)


def elements(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


@pytest.mark.parametrize(
    ("inputs", "rest", "says"),
    [
        ([{"name": "inputs", "shape": [2], "datatype": "BYTES", "data": ["a"]}], b"", "shape"),
        ([{"name": "inputs", "shape": [1], "datatype": "FP32", "data": [1.5]}], b"", "BYTES"),
        ([{"name": "inputs", "shape": [1], "datatype": "BYTES", "data": [7]}], b"", "strings"),
        ([{"name": "others", "shape": [1], "datatype": "BYTES", "data": ["a"]}], b"", "others"),
        ([{"name": "inputs", "shape": [-1], "datatype": "BYTES", "data": ["a"]}], b"", "shape"),
        ([{"name": "inputs", "shape": [0], "datatype": "BYTES", "data": []}], b"", "between 1 and"),
        (
            [{"name": "inputs", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 99}}],
            elements(b"a"),
            "more than there is",
        ),
        (
            [{"name": "inputs", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 5}}],
            b"\xff\xff\xff\xffa",
            "longer than the tensor",
        ),
        (
            [{"name": "inputs", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 5}}],
            elements(b"a") + b"more",
            "more binary data",
        ),
        (
            [{"name": "inputs", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 5}}],
            elements(b"\xff"),
            "UTF-8",
        ),
        ([], b"", "needed"),
    ],
)
def test_bad_tensors_name_what_is_wrong(
    serving: Hub, owner: Account, inputs: list[dict[str, object]], rest: bytes, says: str
) -> None:
    head = json.dumps({"inputs": inputs}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    answer = httpx.post(f"{serving.endpoint}/v2/models/olga/mood/infer", content=head + rest, headers=headers)
    assert answer.status_code == 400, answer.text
    assert says in answer.json()["error"]
