"""feature-extraction, sentence-similarity, rerank: texts as numbers."""

from typing import Annotated, Literal

import msgspec
import numpy as np

from pioche.errors import InvalidInput
from pioche.serving.engines import inputs
from pioche.serving.engines.language.work import LanguageWork
from pioche.serving.engines.llama.server import Server
from pioche.serving.spec import Ask

_TEXTS_MAX = 1000
_UNIT, _AS_IS = 2, -1


class Extract(inputs.Parameters, frozen=True):
    normalize: bool = True
    truncate: Literal[False] | None = None


class Sentences(msgspec.Struct, frozen=True):
    source_sentence: str
    sentences: list[str]


class Rerank(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    query: str
    documents: Annotated[list[str], msgspec.Meta(min_length=1, max_length=_TEXTS_MAX)]
    top_n: Annotated[int, msgspec.Meta(ge=1)] | None = None


def extract(server: Server, ask: Ask) -> LanguageWork:
    """A row for a text. Longer ones than the model reads are refused: this engine cuts none off."""
    wanted = inputs.read_parameters(ask.parameters, Extract)
    texts = inputs.texts(ask.inputs)
    _check_count(texts, "inputs")

    def run(_listener: object) -> object:
        rows = _rows(server, texts, _UNIT if wanted.normalize else _AS_IS)
        return rows[0] if isinstance(ask.inputs, str) else rows

    return LanguageWork(run)


def compare(server: Server, ask: Ask) -> LanguageWork:
    """The cosine of each sentence's row with the source's."""
    inputs.read_parameters(ask.parameters, inputs.Parameters)
    asked = inputs.read(ask.inputs, Sentences, "inputs")
    if not asked.sentences:
        raise InvalidInput("inputs.sentences", "at least one is needed")
    _check_count(asked.sentences, "inputs.sentences")

    def run(_listener: object) -> object:
        rows = np.array(_rows(server, [asked.source_sentence, *asked.sentences], _UNIT))
        return (rows[1:] @ rows[0]).tolist()

    return LanguageWork(run)


def rank(server: Server, ask: Ask) -> LanguageWork:
    """The best first."""
    inputs.read_parameters(ask.parameters, inputs.Parameters)
    asked = inputs.read(ask.inputs, Rerank, "inputs")

    def run(_listener: object) -> object:
        found = server.rank({"query": asked.query, "documents": asked.documents})
        ranked = sorted(found["results"], key=lambda one: -one["relevance_score"])
        return {**found, "results": ranked[: asked.top_n]}

    return LanguageWork(run)


def _rows(server: Server, texts: list[str], normalize: int) -> list[list[float]]:
    found = server.embed({"input": texts, "embd_normalize": normalize})
    return [one["embedding"] for one in sorted(found["data"], key=lambda one: int(one["index"]))]


def _check_count(texts: list[str], field: str) -> None:
    if len(texts) > _TEXTS_MAX:
        raise InvalidInput(field, f"{_TEXTS_MAX} texts are allowed at most")
