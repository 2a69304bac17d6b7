"""Requests of tensors as tasks, and answers of tasks as tensors."""

import base64

import msgspec
import pytest

from pioche.errors import EngineFailed, InvalidInput, NotServed
from pioche.protocols.inference import signatures, tensors
from pioche.protocols.inference.signatures import Given
from pioche.protocols.inference.tensors import BYTES, Tensor
from pioche.serving.spec import Ask, EngineName, Spec
from pioche.serving.targets import Target
from pioche.serving.wire import Answer


def asked(own: str, beside: dict[str, object] | None = None, /, **inputs: list[str | bytes]) -> Ask:
    target = Target(Spec(repo="a/b", commit="0" * 40, engine=EngineName.ONNX, task=own, files=("x",)), 1, 1)
    given = {name: Tensor(name, BYTES, (len(values),), values) for name, values in inputs.items()}
    return signatures.ask(target, Given(given, beside or {}))[0]


def told(task: str, answer: object, *, kind: str = "application/json") -> dict[str, tuple[object, list[object]]]:
    target = Target(Spec(repo="a/b", commit="0" * 40, engine=EngineName.ONNX, task=task, files=("x",)), 1, 1)
    body = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
    found = signatures.told(signatures.of(target)[1], Answer(200, kind, body))
    return {one.name: (one.shape, list(one.values)) for one in found}


def test_each_task_is_asked_as_the_task_api_has_it() -> None:
    ask = asked("text-classification", inputs=["x"], candidate_labels=["a", "b"])
    assert ask == Ask("zero-shot-classification", ["x"], {"candidate_labels": ["a", "b"]})
    assert asked("sentence-similarity", inputs=["x"]).task == "feature-extraction"
    assert asked("text-ranking", query=["q"], documents=["a"]) == Ask("rerank", {"query": "q", "documents": ["a"]})
    pair = asked("question-answering", question=["q"], context=["c"])
    assert pair.inputs == {"question": "q", "context": "c"}
    assert asked("automatic-speech-recognition", audio=[b"\xff"]).inputs == base64.b64encode(b"\xff").decode()
    assert asked("image-classification", inputs=[b"\xff"]).inputs == base64.b64encode(b"\xff").decode()
    merged = asked("fill-mask", {"top_k": 2, "priority": 0}, inputs=["x"], parameters=['{"targets": ["y"]}'])
    assert merged.parameters == {"top_k": 2, "targets": ["y"]}


@pytest.mark.parametrize(
    ("task", "inputs"),
    [
        ("fill-mask", {}),
        ("fill-mask", {"inputs": []}),
        ("fill-mask", {"inputs": [b"\xff"]}),
        ("fill-mask", {"inputs": ["x"], "parameters": ["[]"]}),
        ("text-generation", {"inputs": ["x", "y"]}),
        ("zero-shot-classification", {"inputs": ["x"]}),
        ("automatic-speech-recognition", {"audio": []}),
    ],
)
def test_what_a_task_cannot_take_is_refused(task: str, inputs: dict[str, list[str | bytes]]) -> None:
    with pytest.raises(InvalidInput):
        asked(task, **inputs)


def test_each_answer_becomes_tensors() -> None:
    ranked = {"results": [{"index": 1, "relevance_score": 2}, {"index": 0, "relevance_score": 1}]}
    assert told("text-ranking", ranked) == {"score": ((2,), [1.0, 2.0])}
    answer = {"answer": "x", "score": 0.5, "start": 1, "end": 2}
    assert told("question-answering", answer)["end"] == ((1,), [2])
    assert told("automatic-speech-recognition", {"text": "x"}) == {"text": ((1,), ["x"])}
    assert told("token-classification", [[{"word": "x"}], []])["outputs"] == ((2,), [b'[{"word":"x"}]', b"[]"])
    assert told("feature-extraction", [[[1.0, 2.0]]])["embeddings"] == ((1, 1, 2), [1.0, 2.0])
    assert told("zero-shot-classification", [{"label": "x", "score": 1}])["label"] == ((1, 1), ["x"])
    assert told("text-to-speech", b"\xff", kind="audio/wav") == {"outputs": ((1,), [b"\xff"])}
    assert told("image-classification", [{"label": "x"}])["outputs"] == ((1,), [b'[{"label":"x"}]'])
    with pytest.raises(NotServed):
        told("feature-extraction", [[[1.0]], [[1.0], [2.0]]])
    for task, wrong in (("question-answering", {"answer": "x"}), ("text-classification", []), ("text-ranking", b"{")):
        with pytest.raises(EngineFailed):
            told(task, wrong)


def test_binary_data_is_read_as_it_is_written() -> None:
    tensor = Tensor("x", BYTES, (2,), ["é", b""])
    assert tensors.packed(tensor) == b"\x02\0\0\0\xc3\xa9\0\0\0\0"
    assert tensors.unpacked("x", tensors.packed(tensor)) == ["é".encode(), b""]
    assert tensors.packed(Tensor("x", "INT64", (1,), [1])) == b"\x01" + b"\0" * 7
    for broken in (b"\x01", b"\x02\0\0\0x"):
        with pytest.raises(InvalidInput):
            tensors.unpacked("x", broken)
