"""Embeddings and rerank in the words of text-embeddings-inference, below the address of a model."""

import msgspec

from pioche.errors import EngineFailed, InvalidInput
from pioche.http.messages import Request, Response, json_response
from pioche.protocols.inference import asking
from pioche.serving.spec import Ask

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
    if not 0 < len(texts) <= _TEXTS_MAX:
        raise InvalidInput("inputs", f"between 1 and {_TEXTS_MAX} texts are needed")
    found = await asking.addressed(request)
    found.check_task("feature-extraction")
    parameters: dict[str, object] = {
        "normalize": asked.normalize,
        "truncate": asked.truncate,
        "truncation_direction": asked.truncation_direction,
    }
    return asking.respond(found, await asking.answer(request, found, Ask("feature-extraction", texts, parameters)))


class Rerank(msgspec.Struct, frozen=True):
    query: str
    texts: list[str]
    return_text: bool = False
    raw_scores: bool = False
    truncate: bool = True
    truncation_direction: str = "right"


class _Ranked(msgspec.Struct, frozen=True):
    index: int
    relevance_score: float


class _Ranking(msgspec.Struct, frozen=True):
    results: list[_Ranked]


async def rerank(request: Request) -> Response:
    """How well each text answers a query, the best first."""
    asked = asking.read(await asking.body(request), Rerank)
    if not 0 < len(asked.texts) <= _TEXTS_MAX:
        raise InvalidInput("texts", f"between 1 and {_TEXTS_MAX} texts are needed")
    found = await asking.addressed(request)
    found.check_task("rerank")
    answered = await asking.answer(request, found, Ask("rerank", {"query": asked.query, "documents": asked.texts}))
    try:
        ranked = msgspec.json.decode(answered.body, type=_Ranking).results
    except msgspec.DecodeError:
        raise EngineFailed("The model's answer is not what its task gives") from None
    return json_response(
        [
            {
                "index": one.index,
                "score": one.relevance_score,
                **({"text": asked.texts[one.index]} if asked.return_text else {}),
            }
            for one in sorted(ranked, key=lambda one: -one.relevance_score)
        ]
    )
