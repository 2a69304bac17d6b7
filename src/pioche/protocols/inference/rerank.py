"""`/v1/rerank`: the shape that Cohere, Jina, vLLM and llama.cpp share."""

from typing import Annotated

import msgspec

from pioche.errors import InvalidInput
from pioche.http.messages import Request, Response, json_response
from pioche.protocols.inference import asking, ranking

_DOCUMENTS_MAX = 1000


class Document(msgspec.Struct, frozen=True):
    text: str


class Rerank(msgspec.Struct, frozen=True):
    query: str
    documents: list[str | Document]
    model: str = ""
    top_n: Annotated[int, msgspec.Meta(ge=1)] | None = None
    return_documents: bool = False


async def rerank(request: Request) -> Response:
    """How well each document answers a query, the best first."""
    asked = asking.read(await asking.body(request), Rerank)
    if not 0 < len(asked.documents) <= _DOCUMENTS_MAX:
        raise InvalidInput("documents", f"between 1 and {_DOCUMENTS_MAX} are needed")
    texts = [one if isinstance(one, str) else one.text for one in asked.documents]
    found = await asking.meant(request, asked.model)
    ranked = await ranking.of(request, found, asked.query, texts)
    results = [
        {
            "index": one.index,
            "relevance_score": one.relevance_score,
            **({"document": {"text": texts[one.index]}} if asked.return_documents else {}),
        }
        for one in ranked[: asked.top_n]
    ]
    # Tokens are not billed here, and are not counted: the field is there for clients that ask for it.
    content = {"object": "list", "model": found.spec.repo, "results": results, "usage": {"total_tokens": 0}}
    return json_response(content)
