"""Tasks as tensors go in and come out of them, for the Open Inference Protocol (docs/decisions/0041-open-inference.md)."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from pioche.errors import EngineFailed, InvalidInput, NotServed
from pioche.protocols.inference.tensors import BYTES, FP32, INT64, Shape, Tensor, as_bytes, as_text
from pioche.serving import choice
from pioche.serving.spec import Ask
from pioche.serving.targets import Target
from pioche.serving.wire import Answer

T = TypeVar("T")

# What Triton's clients put among the parameters of every request, and which is not for the model.
_NOT_FOR_MODELS = frozenset(
    (
        "sequence_id",
        "sequence_start",
        "sequence_end",
        "priority",
        "timeout",
        "binary_data_output",
        "triton_enable_empty_final_response",
        "triton_final_response",
    )
)
_PARAMETERS = "parameters"
_BINARY = ("image", "audio", "speech", "video", "object-detection", "depth", "mask-generation")
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Meta:
    """What metadata says of a tensor; -1 is any number."""

    name: str
    datatype: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Given:
    """The tensors of a request by name, and what is beside them."""

    tensors: Mapping[str, Tensor]
    parameters: Mapping[str, object] = field(default_factory=dict)

    def texts(self, name: str) -> list[str]:
        """Raises InvalidInput when the tensor is not there, is empty, or is no text."""
        if name not in self.tensors:
            raise InvalidInput(name, "this tensor is needed")
        texts = as_text(self.tensors[name])
        if not texts:
            raise InvalidInput(name, "at least one value is needed")
        return texts

    def text(self, name: str) -> str:
        found = self.texts(name)
        if len(found) > 1:
            raise InvalidInput(name, "one value is taken at a time")
        return found[0]

    def data(self, name: str) -> str:
        """One value's bytes, as the task API has them in JSON."""
        tensor = self.tensors.get(name)
        if tensor is None or len(tensor.values) != 1:
            raise InvalidInput(name, "a tensor of one value is needed")
        return base64.b64encode(as_bytes(tensor.values[0])).decode()


Content = Any
"""A decoded answer in the shape of the task API."""


@dataclass(frozen=True, slots=True)
class Signature:
    inputs: tuple[Meta, ...]
    outputs: tuple[Meta, ...]
    read: Callable[[Given], object]
    """The inputs of the task API."""
    tell: Callable[[Content], list[Tensor]]


def of(target: Target, given: Given | None = None) -> tuple[str, Signature]:
    """The task that a request is for, by its tensors; or, without one, what the model does first."""
    task = _meant(target.spec.task, given.tensors if given else {})
    if task not in _SIGNATURES:
        return task, _other(task)
    return task, _SIGNATURES[task]


def ask(target: Target, given: Given) -> tuple[Ask, Signature]:
    """Raises InvalidInput."""
    task, signature = of(target, given)
    target.check_task(task)
    known = {meta.name for meta in signature.inputs} | {_PARAMETERS}
    if "candidate_labels" in given.tensors:
        known.add("candidate_labels")
    for name in given.tensors:
        if name not in known:
            raise InvalidInput(name, f"there is no such input: {', '.join(sorted(known))}")
    parameters = _parameters(given)
    if task == "zero-shot-classification":
        parameters.setdefault("candidate_labels", given.texts("candidate_labels"))
    return Ask(task, signature.read(given), parameters), signature


def told(signature: Signature, answered: Answer) -> list[Tensor]:
    """Raises EngineFailed, NotServed."""
    if answered.content_type and answered.content_type.partition(";")[0] != _JSON:
        return [Tensor("outputs", BYTES, (1,), [answered.body])]
    try:
        return signature.tell(msgspec.json.decode(answered.body))
    except (msgspec.DecodeError, LookupError, TypeError, ValueError):
        raise EngineFailed("The model's answer is not what its task gives") from None


def _meant(own: str, tensors: Mapping[str, Tensor]) -> str:
    can = choice.served(own)
    if "candidate_labels" in tensors and "zero-shot-classification" in can:
        return "zero-shot-classification"
    if "source_sentence" in tensors and "sentence-similarity" in can:
        return "sentence-similarity"
    if own == "sentence-similarity":
        return "feature-extraction"
    return "rerank" if own == "text-ranking" else own


def _parameters(given: Given) -> dict[str, object]:
    """Those of the request, and those of the tensor `parameters`: an object of JSON, for lists and what else is no scalar."""
    found = {name: value for name, value in given.parameters.items() if name not in _NOT_FOR_MODELS}
    if _PARAMETERS in given.tensors:
        try:
            found.update(msgspec.json.decode(given.text(_PARAMETERS), type=dict[str, object]))
        except msgspec.DecodeError as error:
            raise InvalidInput(_PARAMETERS, f"an object of JSON is expected: {str(error)[:200]}") from None
    return found


# --- tasks ----------------------------------------------------------------------------------------------------------


def _texts(given: Given) -> object:
    return given.texts("inputs")


def _text(given: Given) -> object:
    return given.text("inputs")


def _named(*names: str) -> Callable[[Given], object]:
    return lambda given: {name: given.text(name) for name in names}


def _labels(answer: Content) -> list[Tensor]:
    rows = msgspec.convert(answer if isinstance(answer[0], list) else [answer], list[list[dict[str, Any]]])
    shape = (len(rows), len(rows[0]))
    return [
        Tensor("label", BYTES, shape, [str(one["label"]) for row in rows for one in row]),
        Tensor("score", FP32, shape, [float(one["score"]) for row in rows for one in row]),
    ]


def _rows(answer: Content) -> list[Tensor]:
    values, shape = answer, list[int]()
    while isinstance(values[0], list):
        sizes = {len(value) for value in values}
        if len(sizes) > 1:
            raise NotServed(
                "This model has a row for each token, and texts of several lengths make no tensor: send one"
            )
        shape.append(sizes.pop())
        values = [one for value in values for one in value]
    return [Tensor("embeddings", FP32, (len(answer), *shape), [float(value) for value in values])]


def _similarity(answer: Content) -> list[Tensor]:
    return [Tensor("similarity", FP32, (len(answer),), [float(value) for value in answer])]


def _ranking(answer: Content) -> list[Tensor]:
    """In the order of the documents, not the best first: a tensor's place says which."""
    scores = {int(one["index"]): float(one["relevance_score"]) for one in answer["results"]}
    return [Tensor("score", FP32, (len(scores),), [scores[place] for place in sorted(scores)])]


def _answers(answer: Content) -> list[Tensor]:
    found = answer if isinstance(answer, list) else [answer]
    shape = (len(found),)
    return [
        Tensor("answer", BYTES, shape, [str(one["answer"]) for one in found]),
        Tensor("score", FP32, shape, [float(one["score"]) for one in found]),
        Tensor("start", INT64, shape, [int(one["start"]) for one in found]),
        Tensor("end", INT64, shape, [int(one["end"]) for one in found]),
    ]


def _generated(answer: Content) -> list[Tensor]:
    return [Tensor("generated_text", BYTES, (len(answer),), [str(one["generated_text"]) for one in answer])]


def _heard(answer: Content) -> list[Tensor]:
    return [Tensor("text", BYTES, (1,), [str(answer["text"])])]


def _json_each(answer: Content) -> list[Tensor]:
    return [Tensor("outputs", BYTES, (len(answer),), [msgspec.json.encode(one) for one in answer])]


def _json_one(answer: Content) -> list[Tensor]:
    return [Tensor("outputs", BYTES, (1,), [msgspec.json.encode(answer)])]


_TEXTS_IN = (Meta("inputs", BYTES, (-1,)),)
_TEXT_IN = (Meta("inputs", BYTES, (1,)),)
_LABELS_OUT = (Meta("label", BYTES, (-1, -1)), Meta("score", FP32, (-1, -1)))
_JSON_OUT = (Meta("outputs", BYTES, (-1,)),)

_SIGNATURES: dict[str, Signature] = {
    "text-classification": Signature(_TEXTS_IN, _LABELS_OUT, _texts, _labels),
    "zero-shot-classification": Signature(
        (*_TEXTS_IN, Meta("candidate_labels", BYTES, (-1,))),
        _LABELS_OUT,
        _texts,
        _labels,
    ),
    "token-classification": Signature(_TEXTS_IN, _JSON_OUT, _texts, _json_each),
    "fill-mask": Signature(_TEXTS_IN, _JSON_OUT, _texts, _json_each),
    "feature-extraction": Signature(_TEXTS_IN, (Meta("embeddings", FP32, (-1, -1)),), _texts, _rows),
    "sentence-similarity": Signature(
        (Meta("source_sentence", BYTES, (1,)), Meta("sentences", BYTES, (-1,))),
        (Meta("similarity", FP32, (-1,)),),
        lambda given: {"source_sentence": given.text("source_sentence"), "sentences": given.texts("sentences")},
        _similarity,
    ),
    "rerank": Signature(
        (Meta("query", BYTES, (1,)), Meta("documents", BYTES, (-1,))),
        (Meta("score", FP32, (-1,)),),
        lambda given: {"query": given.text("query"), "documents": given.texts("documents")},
        _ranking,
    ),
    "question-answering": Signature(
        (Meta("question", BYTES, (1,)), Meta("context", BYTES, (1,))),
        (
            Meta("answer", BYTES, (-1,)),
            Meta("score", FP32, (-1,)),
            Meta("start", INT64, (-1,)),
            Meta("end", INT64, (-1,)),
        ),
        _named("question", "context"),
        _answers,
    ),
    "text-generation": Signature(_TEXT_IN, (Meta("generated_text", BYTES, (-1,)),), _text, _generated),
    "automatic-speech-recognition": Signature(
        (Meta("audio", BYTES, (1,)),),
        (Meta("text", BYTES, (1,)),),
        lambda given: given.data("audio"),
        _heard,
    ),
}


def _other(task: str) -> Signature:
    """Of a task that has no tensors of its own: what the task API has, as JSON."""
    if any(part in task for part in _BINARY) and not task.startswith("text-to"):
        return Signature(_TEXT_IN, _JSON_OUT, lambda given: given.data("inputs"), _json_one)
    return Signature(_TEXT_IN, _JSON_OUT, _text, _json_one)
