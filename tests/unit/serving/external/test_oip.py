"""What goes to a server that speaks the Open Inference Protocol, and what is made of its answers."""

import json

import pytest

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.external import oip
from pioche.serving.spec import Ask

TEXTS = Ask("feature-extraction", ["a", "b"])


def told(datatype: str, shape: list[int], data: list[object]) -> bytes:
    return json.dumps({"outputs": [{"name": "o", "datatype": datatype, "shape": shape, "data": data}]}).encode()


def test_texts_are_a_tensor_of_bytes() -> None:
    call = oip.call("org/m", TEXTS)
    assert call.path == "/v2/models/org/m/infer"
    (tensor,) = json.loads(call.body)["inputs"]
    assert tensor == {"name": "inputs", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]}
    text = json.loads(oip.call("m", Ask("text-generation", "a", {"max_new_tokens": 2})).body)
    assert text["parameters"] == {"max_new_tokens": 2}


def test_rows_and_texts_come_back() -> None:
    assert json.loads(oip.answer(TEXTS, told("FP32", [2, 2], [1, 2, 3, 4]))) == [[1, 2], [3, 4]]
    assert json.loads(oip.answer(Ask("text-generation", "a"), told("BYTES", [1], ["b"]))) == [{"generated_text": "b"}]


@pytest.mark.parametrize("ask", [Ask("chat", {}), Ask("text-generation", "a", {"stream": True})])
def test_what_it_is_not_asked_for_is_refused(ask: Ask) -> None:
    with pytest.raises(InvalidInput):
        oip.call("m", ask)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"outputs": []}', told("FP32", [2, 2], [1]), told("FP32", [1, 1], [1]), told("BYTES", [2, 1], ["a", "b"]),
     told("FP32", [2, 0], []), told("FP32", [2], [1, 2])],
)  # fmt: skip
def test_garbage_is_the_other_servers_failure(body: bytes) -> None:
    with pytest.raises(EngineFailed):
        oip.answer(TEXTS, body)
