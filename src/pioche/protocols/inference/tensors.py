"""What a model is asked and answers as tensors, the same over REST and gRPC (decision 41).

One input, `inputs`, of BYTES: each element is one question, a text, the JSON of one that is more than a text, or the bytes of
a picture or a sound. A second, `parameters`, is optional: the JSON of what goes with all of them. One output, by the task.
"""

import base64
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.spec import Ask
from pioche.serving.targets import Target
from pioche.serving.wire import Answer

BYTES: Final = "BYTES"
FLOATS: Final = "FP32"
_QUESTIONS_MAX = 256
_EMBEDDING = frozenset(("feature-extraction", "sentence-similarity"))
_OF_BYTES = ("image", "audio", "speech", "video", "object-detection", "depth", "mask-generation")
_STRUCTURED = frozenset(("question-answering", "table-question-answering", "text-ranking"))
# Of the protocol and of Triton: nothing of the task.
_NOT_OF_THE_TASK = (
    "binary_data_output",
    "binary_data",
    "priority",
    "timeout",
    "sequence_id",
    "sequence_start",
    "sequence_end",
)


@dataclass(frozen=True, slots=True)
class Tensor:
    """`data` flat, in the order of rows: of BYTES a list, of FP32 an array."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: "list[bytes] | array[float]"


@dataclass(frozen=True, slots=True)
class Described:
    """Of metadata; -1 is any length."""

    name: str
    datatype: str
    shape: tuple[int, ...]


INPUTS: Final = (Described("inputs", BYTES, (-1,)), Described("parameters", BYTES, (1,)))


def output(found: Target) -> Described:
    """Embeddings are rows of numbers, what is generated is text, and everything else the JSON of the task API."""
    if found.spec.task in _EMBEDDING:
        return Described("embeddings", FLOATS, (-1, -1))
    if found.spec.task == "text-generation":
        return Described("text", BYTES, (-1,))
    return Described("outputs", BYTES, (-1,))


def asks(found: Target, given: Sequence[Tensor], parameters: Mapping[str, object]) -> list[Ask]:
    """A question for each element. Raises InvalidInput."""
    by_name = {tensor.name: tensor for tensor in given}
    for tensor in given:
        if tensor.name not in ("inputs", "parameters") or tensor.datatype != BYTES:
            raise InvalidInput("inputs", f"{tensor.name[:60]!r}: this model takes inputs and parameters, both of BYTES")
    if "inputs" not in by_name:
        raise InvalidInput("inputs", "a tensor of that name is needed")
    questions = by_name["inputs"].data
    if not 0 < len(questions) <= _QUESTIONS_MAX:
        raise InvalidInput("inputs", f"between 1 and {_QUESTIONS_MAX} elements are needed")
    with_all = {name: value for name, value in parameters.items() if name not in _NOT_OF_THE_TASK}
    with_all |= _parameters(by_name.get("parameters"))
    task = "feature-extraction" if found.spec.task in _EMBEDDING else found.spec.task
    return [Ask(task, _question(task, question), with_all) for question in questions if isinstance(question, bytes)]


def _parameters(tensor: Tensor | None) -> dict[str, object]:
    if tensor is None:
        return {}
    try:
        (text,) = tensor.data
        found: dict[str, object] = msgspec.json.decode(text, type=dict[str, Any])  # type: ignore[arg-type]
    except (ValueError, TypeError, RecursionError):  # msgspec's are ValueErrors
        raise InvalidInput("parameters", "one element is expected: a JSON object") from None
    return found


def _question(task: str, data: bytes) -> object:
    if any(part in task for part in _OF_BYTES):
        return base64.b64encode(data).decode()
    try:
        return msgspec.json.decode(data) if task in _STRUCTURED else data.decode()
    except (ValueError, RecursionError):
        what = "JSON" if task in _STRUCTURED else "text in UTF-8"
        raise InvalidInput("inputs", f"an element is not {what}") from None


def answered(found: Target, answers: Sequence[Answer]) -> Tensor:
    """All answers as the one output. Raises EngineFailed, InvalidInput where they do not go together."""
    shown = output(found)
    if shown.datatype == FLOATS:
        return _rows(shown.name, [msgspec.json.decode(answer.body) for answer in answers])
    if shown.name == "text":
        return Tensor(shown.name, BYTES, (len(answers),), [_generated(answer.body) for answer in answers])
    return Tensor(shown.name, BYTES, (len(answers),), [bytes(answer.body) for answer in answers])


def _generated(body: bytes) -> bytes:
    try:
        return str(msgspec.json.decode(body)[0]["generated_text"]).encode()
    except (ValueError, LookupError, TypeError):
        raise EngineFailed("The model's answer is not what its task gives") from None


def _rows(name: str, rows: list[Any]) -> Tensor:
    """A row for each text; of a model that gives one a token, those of a single text."""
    if isinstance(rows[0][0], list):
        if len(rows) > 1:
            raise InvalidInput("inputs", "this model gives a row for each token: ask one text at a time")
        rows = rows[0][0] if isinstance(rows[0][0][0], list) else rows[0]
    width = len(rows[0])
    flat = array("f")
    for row in rows:
        flat.extend(row)
    if len(flat) != width * len(rows):
        raise EngineFailed("The model's answer is not what its task gives")
    return Tensor(name, FLOATS, (len(rows), width), flat)
