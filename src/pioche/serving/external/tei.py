"""The API of text-embeddings-inference, asked by us: rows of numbers for texts."""

import msgspec

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.external import embedding
from pioche.serving.external.calls import NOT_UNDERSTOOD, Call
from pioche.serving.spec import Ask

PROBE = "/info"


def call(_model: str, ask: Ask) -> Call:
    """Raises InvalidInput for what this API cannot be asked. It has one model, and no name for it."""
    if ask.task not in embedding.TASKS:
        raise InvalidInput("task", f"the server that answers for this deployment is not asked for {ask.task}")
    wanted = embedding.wanted(ask)
    body: dict[str, object] = {"inputs": embedding.texts(ask)}
    if wanted.normalize is not None:
        body["normalize"] = wanted.normalize
    if wanted.truncate is not None:
        body["truncate"] = wanted.truncate
    if wanted.truncation_direction is not None:
        body["truncation_direction"] = wanted.truncation_direction.capitalize()
    return Call("/embed", msgspec.json.encode(body))


def answer(ask: Ask, body: bytes) -> bytes:
    """Raises EngineFailed for what is none."""
    try:
        rows = msgspec.json.decode(body, type=embedding.Rows)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise EngineFailed(NOT_UNDERSTOOD) from None
    if len(rows) != len(embedding.texts(ask)):
        raise EngineFailed(NOT_UNDERSTOOD)
    return embedding.answer(ask, rows)
