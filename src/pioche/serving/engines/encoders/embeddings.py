"""feature-extraction, sentence-similarity: a text as numbers."""

import json
from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np
from tokenizers import Encoding

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.engines import inputs
from pioche.serving.engines.encoders.encoder import Array, Encoder, EncoderWork, Outputs, read_json
from pioche.serving.spec import Ask

_POOLED = ("sentence_embedding", "text_embeds", "embeddings")
"""What exporters call an output that is one row for a text already."""
_HIDDEN = ("last_hidden_state", "token_embeddings")


_POOLINGS: dict[str, Callable[[Array], Array]] = {
    "pooling_mode_mean_tokens": lambda hidden: hidden.mean(axis=0),
    "pooling_mode_max_tokens": lambda hidden: hidden.max(axis=0),
    "pooling_mode_cls_token": lambda hidden: hidden[0],
    "pooling_mode_lasttoken": lambda hidden: hidden[-1],
}
_MODULES = frozenset(("Transformer", "Pooling", "Normalize"))


class Extract(inputs.Parameters, frozen=True):
    normalize: bool | None = None
    truncate: bool = True
    truncation_direction: Literal["left", "right", "Left", "Right"] = "right"


class Sentences(msgspec.Struct, frozen=True):
    source_sentence: str
    sentences: list[str]


def extract(encoder: Encoder, ask: Ask) -> EncoderWork:
    """One row for a text where the repo says how tokens are pooled (sentence-transformers); else a row for each token."""
    wanted = inputs.read_parameters(ask.parameters, Extract)
    if wanted.truncation_direction.lower() == "left":
        raise InvalidInput("parameters.truncation_direction", "texts are cut off at the right only")
    sequences = [encoder.encode(text) for text in inputs.texts(ask.inputs)]
    if not wanted.truncate and any(sequence.overflowing for sequence in sequences):
        raise InvalidInput("inputs", f"longer than the {encoder.tokens_max} tokens that the model reads")

    def finish(found: list[Outputs]) -> object:
        if not (encoder.folder / "modules.json").exists():
            rows = [_hidden(sequence, one) for sequence, one in zip(sequences, found, strict=True)]
            return [row.tolist() for row in rows]
        pooled = _pooled(encoder, sequences, found, normalize=wanted.normalize)
        return (pooled[0] if isinstance(ask.inputs, str) else pooled).tolist()

    return EncoderWork(sequences, finish)


def compare(encoder: Encoder, ask: Ask) -> EncoderWork:
    """The cosine of each sentence's row with the source's."""
    inputs.read_parameters(ask.parameters, inputs.Parameters)
    asked = inputs.read(ask.inputs, Sentences, "inputs")
    if not asked.sentences:
        raise InvalidInput("inputs.sentences", "at least one is needed")
    sequences = [encoder.encode(text) for text in (asked.source_sentence, *asked.sentences)]

    def finish(found: list[Outputs]) -> object:
        rows = _pooled(encoder, sequences, found, normalize=True)
        return (rows[1:] @ rows[0]).tolist()

    return EncoderWork(sequences, finish)


def _pooled(encoder: Encoder, sequences: list[Encoding], found: list[Outputs], *, normalize: bool | None) -> Array:
    """`normalize` None: as the repo's modules.json has it."""
    pooling = read_json(encoder.folder / "1_Pooling/config.json")
    rows = np.stack([_row(pooling, *one) for one in zip(sequences, found, strict=True)])
    return _unit(rows) if normalize or (normalize is None and _normalizes(encoder)) else rows


def _row(pooling: dict[str, object], sequence: Encoding, outputs: Outputs) -> Array:
    for name in _POOLED:
        if name in outputs and outputs[name].ndim == 1:
            return outputs[name]
    hidden = _hidden(sequence, outputs)
    return np.asarray(_POOLINGS[_mode(pooling)](hidden), np.float32)


def _mode(pooling: dict[str, object]) -> str:
    """Mean where the repo says nothing. Raises EngineFailed for one that we would compute wrongly."""
    modes = [name for name, value in pooling.items() if name.startswith("pooling_mode_") and value is True]
    modes = modes or ["pooling_mode_mean_tokens"]
    if len(modes) > 1 or modes[0] not in _POOLINGS:
        raise EngineFailed(f"This engine cannot pool tokens by {', '.join(modes)}")
    return modes[0]


def _hidden(sequence: Encoding, outputs: Outputs) -> Array:
    """A row for each token."""
    name = next((name for name in _HIDDEN if name in outputs), next(iter(outputs)))
    if outputs[name].ndim != 2:
        raise EngineFailed("The network gives no row for each token: is its task the right one?")
    return outputs[name][: len(sequence)]


def _normalizes(encoder: Encoder) -> bool:
    """Whether the repo's modules (sentence-transformers) scale rows to length 1. Raises EngineFailed for one that we lack."""
    try:
        modules = json.loads((encoder.folder / "modules.json").read_bytes())
        kinds = {str(module["type"]).rpartition(".")[2] for module in modules}
    except FileNotFoundError:
        return False
    except (ValueError, TypeError, KeyError):
        raise EngineFailed("modules.json cannot be read") from None
    if unknown := kinds - _MODULES:
        raise EngineFailed(f"This engine lacks the sentence-transformers module {', '.join(sorted(unknown))}")
    return "Normalize" in kinds


def _unit(rows: Array) -> Array:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)
