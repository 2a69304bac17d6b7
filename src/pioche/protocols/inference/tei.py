"""Embeddings, ranking, labels and tokens in the words of text-embeddings-inference, below the address of a model."""

from typing import Literal

import msgspec

from pioche.errors import InvalidInput
from pioche.http.messages import Request, Response, json_response
from pioche.protocols.inference import asking, ranking
from pioche.serving.spec import Ask
from pioche.serving.targets import Target

_TEXTS_MAX = 1000


class Embed(msgspec.Struct, frozen=True):
    inputs: str | list[str]
    normalize: bool = True
    truncate: bool = False
    truncation_direction: str = "right"
    prompt_name: str | None = None
    dimensions: int | None = None


async def embed(request: Request) -> Response:
    """A row of numbers for each text."""
    asked = asking.read(await asking.body(request), Embed)
    for name in ("prompt_name", "dimensions"):
        if getattr(asked, name) is not None:
            raise InvalidInput(name, "this hub does not do that")
    texts = [asked.inputs] if isinstance(asked.inputs, str) else asked.inputs
    _check_count("inputs", texts)
    found = await asking.addressed(request)
    found.check_task("feature-extraction")
    parameters: dict[str, object] = {
        "normalize": asked.normalize,
        "truncate": asked.truncate,
        "truncation_direction": asked.truncation_direction,
    }
    return await _told(request, found, Ask("feature-extraction", texts, parameters))


class Rerank(msgspec.Struct, frozen=True):
    query: str
    texts: list[str]
    return_text: bool = False
    raw_scores: bool = False
    truncate: bool = True
    truncation_direction: str = "right"


async def rerank(request: Request) -> Response:
    """How well each text answers a query, the best first."""
    asked = asking.read(await asking.body(request), Rerank)
    _check_count("texts", asked.texts)
    found = await asking.addressed(request)
    return json_response(
        [
            {
                "index": one.index,
                "score": one.relevance_score,
                **({"text": asked.texts[one.index]} if asked.return_text else {}),
            }
            for one in await ranking.of(request, found, asked.query, asked.texts)
        ]
    )


class Predict(msgspec.Struct, frozen=True):
    """Several texts are a list each: one list of two texts would be a pair, which is one input."""

    inputs: str | list[list[str]]
    raw_scores: bool = False
    truncate: bool = True
    truncation_direction: Literal["right", "Right"] = "right"


async def predict(request: Request) -> Response:
    """The labels of a text, or of each of several, with their scores."""
    asked = asking.read(await asking.body(request), Predict)
    texts: list[str]
    if isinstance(asked.inputs, str):
        texts = [asked.inputs]
    elif any(len(one) != 1 for one in asked.inputs):
        raise InvalidInput("inputs", "each has to be a list of one text: pairs of texts are not classified")
    else:
        texts = [one[0] for one in asked.inputs]
    _check_count("inputs", texts)
    parameters: dict[str, object] = {"function_to_apply": "none"} if asked.raw_scores else {}
    found = await asking.addressed(request)
    found.check_task("text-classification")
    answered = await asking.answer(request, found, Ask("text-classification", texts, parameters))
    labels = asking.decoded(answered)
    return json_response(labels[0] if isinstance(asked.inputs, str) and isinstance(labels, list) else labels)


class Sentences(msgspec.Struct, frozen=True):
    source_sentence: str
    sentences: list[str]


class Similarity(msgspec.Struct, frozen=True):
    inputs: Sentences
    parameters: dict[str, object] | None = None


async def similarity(request: Request) -> Response:
    """How near each sentence is to the first one."""
    asked = asking.read(await asking.body(request), Similarity)
    _check_count("inputs.sentences", asked.inputs.sentences)
    found = await asking.addressed(request)
    found.check_task("sentence-similarity")
    inputs = msgspec.to_builtins(asked.inputs)
    return await _told(request, found, Ask("sentence-similarity", inputs, asked.parameters or {}))


class Tokenize(msgspec.Struct, frozen=True):
    inputs: str | list[str]
    add_special_tokens: bool = True
    prompt_name: None = None


async def tokenize(request: Request) -> Response:
    """The tokens of each text, for models that have a tokenizer.json."""
    asked = asking.read(await asking.body(request), Tokenize)
    texts = [asked.inputs] if isinstance(asked.inputs, str) else asked.inputs
    _check_count("inputs", texts)
    found = await asking.addressed(request)
    return await _told(request, found, Ask("tokenize", texts, {"add_special_tokens": asked.add_special_tokens}))


class Decode(msgspec.Struct, frozen=True):
    ids: list[int | list[int]]
    skip_special_tokens: bool = True


async def decode(request: Request) -> Response:
    """The text of each list of tokens, or of one."""
    asked = asking.read(await asking.body(request), Decode)
    rows = [one for one in asked.ids if isinstance(one, list)]
    if len(rows) != len(asked.ids):
        if rows:
            raise InvalidInput("ids", "either numbers or lists of numbers are needed")
        rows = [[one for one in asked.ids if isinstance(one, int)]]
    found = await asking.addressed(request)
    return await _told(request, found, Ask("detokenize", rows, {"skip_special_tokens": asked.skip_special_tokens}))


async def _told(request: Request, found: Target, ask: Ask) -> Response:
    return asking.respond(found, ask.task, await asking.answer(request, found, ask))


def _check_count(field: str, texts: list[str]) -> None:
    if not 0 < len(texts) <= _TEXTS_MAX:
        raise InvalidInput(field, f"between 1 and {_TEXTS_MAX} texts are needed")
