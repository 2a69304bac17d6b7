"""text-classification, zero-shot-classification: one row of scores for a text."""

from typing import Literal

import numpy as np

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.engines import inputs
from pioche.serving.engines.encoders.encoder import Array, Encoder, EncoderWork, Outputs, softmax
from pioche.serving.spec import Ask

_HYPOTHESIS = "This example is {}."
_LABELS_MAX = 100
_TEXTS_AT_ONCE_MAX = 1000


class Classify(inputs.Parameters, frozen=True):
    function_to_apply: Literal["sigmoid", "softmax", "none"] | None = None
    top_k: int | None = None


class ZeroShot(inputs.Parameters, frozen=True):
    candidate_labels: list[str]
    hypothesis_template: str = _HYPOTHESIS
    multi_label: bool = False


def classify(encoder: Encoder, ask: Ask) -> EncoderWork:
    """A list of labels for each text, in a list even for one: clients take its first element."""
    wanted = inputs.read_parameters(ask.parameters, Classify)
    if wanted.top_k is not None and wanted.top_k < 1:
        raise InvalidInput("parameters.top_k", "at least 1 is needed")
    texts = inputs.texts(ask.inputs)
    function = wanted.function_to_apply or _usual_function(encoder)
    return EncoderWork(
        [encoder.encode(text) for text in texts],
        lambda found: [_ranked(encoder, _applied(function, logits(one)))[: wanted.top_k] for one in found],
    )


def classify_zero_shot(encoder: Encoder, ask: Ask) -> EncoderWork:
    """Each label is a hypothesis; what the network says of whether the text entails it is its score."""
    wanted = inputs.read_parameters(ask.parameters, ZeroShot)
    labels = wanted.candidate_labels
    if not 0 < len(labels) <= _LABELS_MAX:
        raise InvalidInput("parameters.candidate_labels", f"between 1 and {_LABELS_MAX} are needed")
    if "{}" not in wanted.hypothesis_template:
        raise InvalidInput("parameters.hypothesis_template", "it needs {} where the label goes")
    texts, entailment = inputs.texts(ask.inputs), _entailment(encoder)
    if len(texts) * len(labels) > _TEXTS_AT_ONCE_MAX:
        raise InvalidInput("inputs", f"texts times labels may be {_TEXTS_AT_ONCE_MAX} at most")
    hypotheses = [wanted.hypothesis_template.replace("{}", label) for label in labels]

    def finish(found: list[Outputs]) -> object:
        rows = np.stack([logits(one) for one in found]).reshape(len(texts), len(labels), -1)
        answers = [_entailed(row, entailment, labels, each=wanted.multi_label or len(labels) == 1) for row in rows]
        return answers[0] if isinstance(ask.inputs, str) else answers

    return EncoderWork([encoder.encode(text, hypothesis) for text in texts for hypothesis in hypotheses], finish)


def logits(outputs: Outputs) -> Array:
    """The output of that name, or the only one. Raises EngineFailed when it is not one row."""
    found = outputs.get("logits", next(iter(outputs.values())))
    if found.ndim != 1:
        raise EngineFailed("The network does not give one row of scores for a text: is its task the right one?")
    return found


def _usual_function(encoder: Encoder) -> str:
    kind = encoder.config.get("problem_type")
    if kind == "regression":
        return "none"
    return "sigmoid" if kind == "multi_label_classification" or len(encoder.labels) == 1 else "softmax"


def _applied(function: str, row: Array) -> Array:
    match function:
        case "sigmoid":
            return np.asarray(1 / (1 + np.exp(-row)), np.float32)
        case "softmax":
            return softmax(row)
        case _:
            return row


def _ranked(encoder: Encoder, scores: Array) -> list[dict[str, object]]:
    labels = encoder.labels or [f"LABEL_{number}" for number in range(len(scores))]
    if len(labels) != len(scores):
        raise EngineFailed(f"The network has {len(scores)} classes, config.json names {len(labels)}")
    return [{"label": labels[place], "score": float(scores[place])} for place in np.argsort(-scores, kind="stable")]


def _entailment(encoder: Encoder) -> int:
    for number, label in enumerate(encoder.labels):
        if label.lower().startswith("entail"):
            return number
    raise InvalidInput("task", "this model has no label `entailment`, so it cannot say whether a label fits a text")


def _entailed(rows: Array, entailment: int, labels: list[str], *, each: bool) -> list[dict[str, object]]:
    """`each`: for every label on its own, against the contradiction; else labels compete."""
    if each:
        contradiction = -1 if entailment == 0 else 0
        scores = softmax(rows[:, [contradiction, entailment]])[:, 1]
    else:
        scores = softmax(rows[:, entailment])
    return [{"label": labels[place], "score": float(scores[place])} for place in np.argsort(-scores, kind="stable")]
