"""Pictures out of texts as OpenAI has it: in base64, in JSON."""

import base64
import re
import time
from typing import Annotated, Any, Literal

import msgspec

from pioche.errors import EngineFailed, InvalidInput
from pioche.http.messages import Request, Response, json_response
from pioche.protocols.inference import asking
from pioche.serving.engines import inputs
from pioche.serving.spec import Ask
from pioche.serving.targets import Target

_TASK = "text-to-image"
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})\Z")
_FIELDS = {"inputs": "prompt", "parameters.width": "size", "parameters.height": "size"}


class Images(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Beyond OpenAI's: `seed` and what pipelines call by these names. What is for another company's models is taken where it
    changes nothing."""

    prompt: str
    model: str = ""
    n: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None
    size: str | None = None
    response_format: Literal["b64_json", "url"] | None = None
    output_format: Literal["png"] | None = None
    quality: str | None = None
    style: str | None = None
    background: Literal["auto", "opaque"] | None = None
    moderation: str | None = None
    stream: Literal[False] | None = None
    user: str | None = None
    seed: int | None = None
    negative_prompt: str | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None


async def generate(request: Request) -> Response:
    """Pictures for a text, one after another. With `response_format` `url` their addresses hold them (`data:`): none is kept."""
    asked = _read(await asking.body(request))
    found = await asking.meant(request, asked.model)
    found.check_task(_TASK)
    parameters = _parameters(asked)
    data = [await _one(request, found, asked, parameters, number) for number in range(asked.n or 1)]
    return json_response({"created": int(time.time()), "output_format": "png", "data": data})


def _read(body: bytes) -> Images:
    given = asking.read(body, dict[str, Any])
    try:
        return inputs.read({name: value for name, value in given.items() if value is not None}, Images, "body")
    except InvalidInput as error:
        raise _renamed(error, error.field.removeprefix("body.") or "body") from None


def _parameters(asked: Images) -> dict[str, object]:
    names = ("negative_prompt", "num_inference_steps", "guidance_scale")
    given: dict[str, object] = {name: value for name in names if (value := getattr(asked, name)) is not None}
    if asked.size not in (None, "auto"):
        size = _SIZE.match(asked.size or "")
        if size is None:
            raise InvalidInput("size", "WIDTHxHEIGHT is expected, such as 512x512, or auto")
        given |= {"width": int(size[1]), "height": int(size[2])}
    return given


async def _one(
    request: Request, found: Target, asked: Images, parameters: dict[str, object], number: int
) -> dict[str, str]:
    """The next seed for each: the same one would draw the same."""
    seed = {} if asked.seed is None else {"seed": asked.seed + number}
    try:
        answered = await asking.answer(request, found, Ask(_TASK, asked.prompt, {**parameters, **seed}))
    except InvalidInput as error:
        raise _renamed(error, _FIELDS.get(error.field, error.field.rpartition(".")[2])) from None
    if answered.content_type != "image/png":
        raise EngineFailed("The model's answer is not what its task gives")
    content = base64.b64encode(answered.body).decode()
    return {"url": f"data:image/png;base64,{content}"} if asked.response_format == "url" else {"b64_json": content}


def _renamed(error: InvalidInput, field: str) -> InvalidInput:
    return InvalidInput(field, error.message.removeprefix(f"{error.field}: "))
