"""How well texts answer a query: asked of a model once, told in the words of several APIs."""

import msgspec

from pioche.errors import EngineFailed
from pioche.http.messages import Request
from pioche.protocols.inference import asking
from pioche.serving.spec import Ask
from pioche.serving.targets import Target

_TASK = "rerank"


class Ranked(msgspec.Struct, frozen=True):
    """`index` is the text's place in the request."""

    index: int
    relevance_score: float


class _Ranking(msgspec.Struct, frozen=True):
    results: list[Ranked]


_decoder = msgspec.json.Decoder(_Ranking)


async def of(request: Request, found: Target, query: str, texts: list[str]) -> list[Ranked]:
    """The best first. Raises InvalidInput for a model that ranks nothing, and what `asking.answer` raises."""
    found.check_task(_TASK)
    answered = await asking.answer(request, found, Ask(_TASK, {"query": query, "documents": texts}))
    try:
        ranked = _decoder.decode(answered.body).results
    except msgspec.DecodeError:
        raise EngineFailed("The model's answer is not what its task gives") from None
    return sorted(ranked, key=lambda one: -one.relevance_score)
