"""fill-mask: the likeliest words for a gap."""

from dataclasses import dataclass

import numpy as np
from tokenizers import Encoding

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.engines import inputs
from pioche.serving.engines.encoders.encoder import Array, Encoder, EncoderWork, Outputs, softmax
from pioche.serving.spec import Ask

_TOP_MAX = 1000


class Fill(inputs.Parameters, frozen=True):
    targets: list[str] | None = None
    top_k: int = 5


@dataclass(frozen=True, slots=True)
class _Wanted:
    top: int
    targets: list[int] | None


def fill(encoder: Encoder, ask: Ask) -> EncoderWork:
    """For a text with one gap a list of words; with several, a list for each gap."""
    asked = inputs.read_parameters(ask.parameters, Fill)
    if not 1 <= asked.top_k <= _TOP_MAX:
        raise InvalidInput("parameters.top_k", f"between 1 and {_TOP_MAX}")
    wanted = _Wanted(asked.top_k, _targets(encoder, asked.targets))
    mask = _mask(encoder)
    sequences = [encoder.encode(text) for text in inputs.texts(ask.inputs)]
    gaps = [[place for place, number in enumerate(sequence.ids) if number == mask] for sequence in sequences]
    if not all(gaps):
        raise InvalidInput(
            "inputs", f"no {encoder.special_token('mask_token')} in the text, which marks what to fill in"
        )

    def finish(found: list[Outputs]) -> object:
        answers = [_filled(encoder, *one, wanted) for one in zip(sequences, gaps, found, strict=True)]
        return answers[0] if isinstance(ask.inputs, str) else answers

    return EncoderWork(sequences, finish)


def _mask(encoder: Encoder) -> int:
    token = encoder.special_token("mask_token")
    number = None if token is None else encoder.tokenizer.token_to_id(token)
    if number is None:
        raise EngineFailed("The tokenizer has no mask token")
    return int(number)


def _targets(encoder: Encoder, words: list[str] | None) -> list[int] | None:
    if not words:
        return None
    numbers = [encoder.tokenizer.token_to_id(word) for word in words]
    for word, number in zip(words, numbers, strict=True):
        if number is None:
            raise InvalidInput("parameters.targets", f"the model does not know {word!r} as one word")
    return [int(number) for number in numbers if number is not None]


def _filled(encoder: Encoder, sequence: Encoding, gaps: list[int], outputs: Outputs, wanted: _Wanted) -> object:
    logits = outputs.get("logits", next(iter(outputs.values())))
    if logits.ndim != 2:
        raise EngineFailed("The network does not give a score for each token and word: is its task the right one?")
    found = [_best(encoder, sequence, gap, softmax(logits[gap]), wanted) for gap in gaps]
    return found[0] if len(found) == 1 else found


def _best(encoder: Encoder, sequence: Encoding, gap: int, scores: Array, wanted: _Wanted) -> list[dict[str, object]]:
    among = np.arange(len(scores)) if wanted.targets is None else np.array(wanted.targets)
    best = among[np.argsort(-scores[among], kind="stable")][: wanted.top]
    return [
        {
            "score": float(scores[token]),
            "token": int(token),
            "token_str": encoder.tokenizer.decode([int(token)]),
            "sequence": encoder.tokenizer.decode([*sequence.ids[:gap], int(token), *sequence.ids[gap + 1 :]]),
        }
        for token in best
    ]
