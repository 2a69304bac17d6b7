"""Embeddings and rerank in the words of text-embeddings-inference, below the address of a model."""

import msgspec

from pioche.errors import InvalidInput
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
    found = await asking.target(request, request.repo)
    found.check_task("feature-extraction")
    parameters: dict[str, object] = {
        "normalize": asked.normalize,
        "truncate": asked.truncate,
        "truncation_direction": asked.truncation_direction,
    }
    return asking.respond(found, await asking.answer(request, found, Ask("feature-extraction", texts, parameters)))


async def info(request: Request) -> Response:
    """What the model is."""
    found = await asking.target(request, request.repo)
    return json_response({"model_id": found.spec.repo, "model_sha": found.spec.commit, "pipeline_tag": found.spec.task})
