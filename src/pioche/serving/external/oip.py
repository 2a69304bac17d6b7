"""The Open Inference Protocol, version 2, asked by us: texts go out as a tensor of bytes, rows of numbers or texts come back."""

from math import prod
from typing import Any
from urllib.parse import quote

import msgspec

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.external import embedding
from pioche.serving.external.calls import NOT_UNDERSTOOD, Call
from pioche.serving.spec import Ask

PROBE = "/v2/health/ready"
_NUMBERS = ("FP16", "FP32", "FP64")


class _Output(msgspec.Struct):
    datatype: str
    shape: list[int]
    data: list[Any]


class _Answer(msgspec.Struct):
    outputs: list[_Output]


def call(model: str, ask: Ask) -> Call:
    """Raises InvalidInput for what is not asked by this protocol."""
    parameters: dict[str, object] = {}
    if ask.task in embedding.TASKS:
        if embedding.wanted(ask).truncate:
            raise InvalidInput("parameters.truncate", "the server that answers for this deployment does not do that")
        texts = embedding.texts(ask)
    elif ask.task == "text-generation" and isinstance(ask.inputs, str):
        if ask.parameters.get("stream"):
            raise InvalidInput("parameters.stream", "the server that answers for this deployment gives whole texts")
        texts, parameters = [ask.inputs], {name: value for name, value in ask.parameters.items() if name != "stream"}
    else:
        raise InvalidInput("task", f"the server that answers for this deployment is not asked for {ask.task}")
    tensor = {"name": "inputs", "datatype": "BYTES", "shape": [len(texts)], "data": texts}
    body = {"inputs": [tensor], "parameters": parameters} if parameters else {"inputs": [tensor]}
    return Call(f"/v2/models/{quote(model)}/infer", msgspec.json.encode(body))


def answer(ask: Ask, body: bytes) -> bytes:
    """Raises EngineFailed for what is none."""
    try:
        (found,) = msgspec.json.decode(body, type=_Answer).outputs
        if ask.task == "text-generation":
            return msgspec.json.encode([{"generated_text": msgspec.convert(found.data[0], str)}])
        return embedding.answer(ask, _rows(found, len(embedding.texts(ask))))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, IndexError):
        raise EngineFailed(NOT_UNDERSTOOD) from None


def _rows(found: _Output, count: int) -> embedding.Rows:
    """Data may be flat, as the protocol has it. Raises ValueError."""
    values = msgspec.convert(found.data, list[float])
    if found.datatype not in _NUMBERS or len(found.shape) != 2 or found.shape[0] != count:
        raise ValueError("these are no rows")
    if not values or prod(found.shape) != len(values):
        raise ValueError("these are not as many as there should be")
    width = found.shape[1]
    return [values[at : at + width] for at in range(0, len(values), width)]
