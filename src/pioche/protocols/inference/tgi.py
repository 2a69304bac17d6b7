"""text-generation-inference's own routes, below the address of a model. What its `POST /` does, `tasks.ask` does."""

from typing import Annotated

import msgspec

from pioche.errors import EngineFailed
from pioche.http.messages import Request, Response, json_response
from pioche.protocols.inference import asking
from pioche.serving.spec import Ask
from pioche.serving.targets import Target
from pioche.serving.wire import Answer

_TASK = "text-generation"
# The task API has a list, of one.
_whole = msgspec.json.Decoder(Annotated[list[dict[str, object]], msgspec.Meta(min_length=1, max_length=1)])


class Generate(msgspec.Struct, frozen=True):
    """`stream` is for the task API, which clients tell their wish in the body: here the address says it."""

    inputs: str
    parameters: dict[str, object] | None = None
    stream: bool | None = None


async def generate(request: Request) -> Response:
    """How a text goes on, in one piece."""
    found, answered = await _answer(request, streams=False)
    try:
        (whole,) = _whole.decode(answered.body)
    except msgspec.DecodeError:
        raise EngineFailed("The model's answer is not what its task gives") from None
    return json_response(whole, headers=[("X-Repo-Commit", found.spec.commit)])


async def generate_stream(request: Request) -> Response:
    """How a text goes on, as it is written: an event for each token."""
    found, answered = await _answer(request, streams=True)
    return asking.respond(found, _TASK, answered)


async def _answer(request: Request, *, streams: bool) -> tuple[Target, Answer]:
    asked = asking.read(await asking.body(request), Generate)
    found = await asking.addressed(request)
    found.check_task(_TASK)
    parameters = {**(asked.parameters or {}), "stream": streams}
    return found, await asking.answer(request, found, Ask(_TASK, asked.inputs, parameters))
