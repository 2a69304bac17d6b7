"""token-classification: a label for each token, put together to words and names."""

from typing import Literal

import numpy as np
from tokenizers import Encoding

from pioche.errors import EngineFailed
from pioche.serving.engines import inputs
from pioche.serving.engines.encoders.encoder import Array, Encoder, EncoderWork, Outputs, softmax
from pioche.serving.spec import Ask

Piece = tuple[int, int, Array]
"""Where a token or a word begins and ends in the text, and its scores."""
Found = dict[str, object]


class Tokens(inputs.Parameters, frozen=True):
    aggregation_strategy: Literal["none", "simple", "first", "average", "max"] = "simple"
    ignore_labels: tuple[str, ...] = ("O",)


def classify(encoder: Encoder, ask: Ask) -> EncoderWork:
    """A list of entities for a text; of lists, for several."""
    wanted = inputs.read_parameters(ask.parameters, Tokens)
    texts = inputs.texts(ask.inputs)
    sequences = [encoder.encode(text) for text in texts]

    def finish(found: list[Outputs]) -> object:
        answers = [_entities(encoder, *one, wanted) for one in zip(texts, sequences, found, strict=True)]
        return answers[0] if isinstance(ask.inputs, str) else answers

    return EncoderWork(sequences, finish)


def _entities(encoder: Encoder, text: str, sequence: Encoding, outputs: Outputs, wanted: Tokens) -> list[Found]:
    logits = outputs.get("logits", next(iter(outputs.values())))
    if logits.ndim != 2 or logits.shape[1] != len(encoder.labels):
        raise EngineFailed("The network does not give a score for each token and label: is its task the right one?")
    pieces = _pieces(sequence, softmax(logits[: len(sequence)]), wanted.aggregation_strategy)
    if wanted.aggregation_strategy == "none":
        found = [_one(encoder, text, number, piece) for number, piece in pieces]
        return [entity for entity in found if entity["entity"] not in wanted.ignore_labels]
    groups = _groups(encoder, text, [piece for _, piece in pieces])
    return [entity for entity in groups if entity["entity_group"] not in wanted.ignore_labels]


def _pieces(sequence: Encoding, scores: Array, strategy: str) -> list[tuple[int, Piece]]:
    """Tokens of the text with their numbers; or, where the strategy goes by words, each word once."""
    numbers = [number for number, special in enumerate(sequence.special_tokens_mask) if not special]
    if strategy in ("none", "simple"):
        return [(number, (*sequence.offsets[number], scores[number])) for number in numbers]
    words: dict[object, list[int]] = {}
    for number in numbers:
        words.setdefault(sequence.word_ids[number], []).append(number)
    return [(word[0], _word(sequence, scores, word, strategy)) for word in words.values()]


def _word(sequence: Encoding, scores: Array, numbers: list[int], strategy: str) -> Piece:
    rows = scores[numbers]
    match strategy:
        case "first":
            row = rows[0]
        case "max":
            row = rows[rows.max(axis=1).argmax()]
        case _:
            row = rows.mean(axis=0)
    return sequence.offsets[numbers[0]][0], sequence.offsets[numbers[-1]][1], row


def _one(encoder: Encoder, text: str, number: int, piece: Piece) -> Found:
    start, end, row = piece
    best = int(row.argmax())
    score = float(row[best])
    return {
        "entity": encoder.labels[best], "score": score, "index": number, "word": text[start:end], "start": start, "end": end,
    }  # fmt: skip


def _groups(encoder: Encoder, text: str, pieces: list[Piece]) -> list[Found]:
    """Neighbours with one tag are one entity, unless the later one says that it begins another (`B-`)."""
    groups: list[tuple[str, list[Piece]]] = []
    for piece in pieces:
        prefix, _, tag = encoder.labels[int(piece[2].argmax())].rpartition("-")
        if groups and groups[-1][0] == tag and prefix != "B":
            groups[-1][1].append(piece)
        else:
            groups.append((tag, [piece]))
    return [_group(text, tag, members) for tag, members in groups]


def _group(text: str, tag: str, members: list[Piece]) -> Found:
    start, end = members[0][0], members[-1][1]
    score = float(np.mean([row.max() for _, _, row in members]))
    return {"entity_group": tag, "score": score, "word": text[start:end], "start": start, "end": end}
