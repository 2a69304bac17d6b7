"""Rows of numbers for texts, and what is made of them, whichever API the other server speaks."""

import math
from typing import Literal

import msgspec

from pioche.errors import InvalidInput
from pioche.serving.spec import Ask

TASKS = ("feature-extraction", "sentence-similarity")

Rows = list[list[float]]


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters that a server outside may be asked for. None: what it does by itself."""

    normalize: bool | None = None
    truncate: bool | None = None
    truncation_direction: Literal["left", "right", "Left", "Right"] | None = None
    prompt_name: None = None


class _Sentences(msgspec.Struct, frozen=True):
    source_sentence: str
    sentences: list[str]


def wanted(ask: Ask) -> Wanted:
    """Raises InvalidInput."""
    try:
        return msgspec.convert(ask.parameters, Wanted)
    except msgspec.ValidationError as error:
        raise InvalidInput("parameters", f"{error} (a server outside answers for this deployment)") from None


def texts(ask: Ask) -> list[str]:
    """Of which rows are needed. Raises InvalidInput."""
    if ask.task == "sentence-similarity":
        asked = _sentences(ask)
        return [asked.source_sentence, *asked.sentences]
    found = [ask.inputs] if isinstance(ask.inputs, str) else ask.inputs
    if not isinstance(found, list) or not found or not all(isinstance(text, str) for text in found):
        raise InvalidInput("inputs", "a text or a list of texts is needed")
    return found


def answer(ask: Ask, rows: Rows) -> bytes:
    """What the task gives, out of one row a text."""
    if ask.task == "sentence-similarity":
        source, *others = (_unit(row) for row in rows)
        return msgspec.json.encode([sum(map(float.__mul__, source, other)) for other in others])
    if wanted(ask).normalize:
        rows = [_unit(row) for row in rows]
    return msgspec.json.encode(rows[0] if isinstance(ask.inputs, str) else rows)


def _sentences(ask: Ask) -> _Sentences:
    try:
        return msgspec.convert(ask.inputs, _Sentences)
    except msgspec.ValidationError as error:
        raise InvalidInput("inputs", str(error)) from None


def _unit(row: list[float]) -> list[float]:
    length = math.hypot(*row)
    return [value / length for value in row] if length else row
