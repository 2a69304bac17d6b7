"""Pictures out of texts, and out of pictures, on diffusers: what is asked, and how it is answered (serving.md 2.2).

One request at a time. How the files are opened stands in `opening`. Nothing of the repo runs: no code of it, no pickle.
"""

import inspect
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import diffusers
import msgspec
import torch

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.engines import Listener, inputs, pictures
from pioche.serving.engines.diffusers import opening
from pioche.serving.engines.media import Media
from pioche.serving.engines.pipelines import Pipelines, Task
from pioche.serving.spec import Ask, Spec

Job = Callable[[Listener], object]
_CHARACTERS_MAX = 5000
_STEPS_MAX = 150
_SIDE_MIN, _SIDE_MAX = 8, 2048
_PIXELS_MAX = 2 * 2**20
_SIDE_STEP = 8
_SEEDS = 2**63
_Side = Annotated[int, msgspec.Meta(ge=_SIDE_MIN, le=_SIDE_MAX)]


class _Draw(inputs.Parameters, frozen=True):
    negative_prompt: Annotated[str, msgspec.Meta(max_length=_CHARACTERS_MAX)] | None = None
    width: _Side | None = None
    height: _Side | None = None
    num_inference_steps: Annotated[int, msgspec.Meta(ge=1, le=_STEPS_MAX)] | None = None
    guidance_scale: Annotated[float, msgspec.Meta(ge=0, le=50)] | None = None
    seed: int | None = None


class _Size(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    width: _Side
    height: _Side


class _Redraw(_Draw, frozen=True):
    prompt: Annotated[str, msgspec.Meta(max_length=_CHARACTERS_MAX)] = ""
    strength: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    target_size: _Size | None = None


def load(spec: Spec, folder: Path) -> Pipelines:
    torch.set_num_threads(spec.threads)
    saying: Any = diffusers.utils.logging
    saying.disable_progress_bar()
    if spec.task == "image-to-image":
        pipe = opening.pipeline(folder, takes_pictures=True)
        return Pipelines({spec.task: lambda ask: _redraw(pipe, ask)})
    pipe = opening.pipeline(folder)
    tasks: Mapping[str, Task] = {spec.task: lambda ask: _draw(pipe, ask)}
    return Pipelines(tasks)


def _draw(pipe: Any, ask: Ask) -> Job:
    wanted = inputs.read_parameters(ask.parameters, _Draw)
    prompt = inputs.read(ask.inputs, str, "inputs")
    if not 0 < len(prompt) <= _CHARACTERS_MAX:
        raise InvalidInput("inputs", f"a text of 1 to {_CHARACTERS_MAX} characters is needed")
    options = _options(pipe, wanted, wanted.width, wanted.height)
    return lambda listener: _drawn(pipe, listener, {"prompt": prompt, **options})


def _redraw(pipe: Any, ask: Ask) -> Job:
    """The size of the picture that is given, unless another is wanted: rounded to what the model takes."""
    wanted = inputs.read_parameters(ask.parameters, _Redraw)
    picture = pictures.decoded(ask.inputs)
    size = wanted.target_size
    width = size.width if size else wanted.width or min(_SIDE_MAX, picture.width)
    height = size.height if size else wanted.height or min(_SIDE_MAX, picture.height)
    width, height = (max(_SIDE_STEP, side // _SIDE_STEP * _SIDE_STEP) for side in (width, height))
    options = _options(pipe, wanted, width, height) | ({"strength": wanted.strength} if wanted.strength else {})
    parameters = inspect.signature(pipe.__call__).parameters
    options = {name: value for name, value in options.items() if name in parameters}
    options |= {"prompt": wanted.prompt, "image": picture.resize((width, height))}
    return lambda listener: _drawn(pipe, listener, options)


def _options(pipe: Any, wanted: _Draw, width: int | None, height: int | None) -> dict[str, Any]:
    """What the request says. Raises InvalidInput for what this pipeline does not take."""
    for name, side in (("width", width), ("height", height)):
        if side is not None and side % _SIDE_STEP:
            raise InvalidInput(f"parameters.{name}", f"a multiple of {_SIDE_STEP} is needed")
    if (width or 0) * (height or 0) > _PIXELS_MAX:
        raise InvalidInput("parameters.width", f"a picture of more than {_PIXELS_MAX} pixels")
    given = {
        "negative_prompt": wanted.negative_prompt,
        "num_inference_steps": wanted.num_inference_steps,
        "guidance_scale": wanted.guidance_scale,
        "width": width,
        "height": height,
    }
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    known = inspect.signature(pipe.__call__).parameters
    for name in options:
        if name not in known and getattr(wanted, name) is not None:
            raise InvalidInput(f"parameters.{name}", "this model does not take it")
    if wanted.seed is not None:
        options["generator"] = torch.Generator("cpu").manual_seed(wanted.seed % _SEEDS)
    return options


class _Left(Exception):
    """Nobody waits for the picture any more."""


def _drawn(pipe: Any, listener: Listener, options: dict[str, Any]) -> object:
    """Looks after each step whether somebody still waits for it."""

    def after(_pipe: Any, _step: int, _time: Any, kept: dict[str, Any]) -> dict[str, Any]:
        if listener.has_left:
            raise _Left
        return kept

    if "callback_on_step_end" in inspect.signature(pipe.__call__).parameters:
        options = {**options, "callback_on_step_end": after}
    try:
        found = pipe(**options)
    except _Left:
        raise EngineFailed("Nobody waited for the picture") from None
    if any(getattr(found, "nsfw_content_detected", None) or ()):
        raise InvalidInput("inputs", "the model's own filter held the picture back: ask for another")
    file = io.BytesIO()
    found.images[0].save(file, "PNG")
    return Media(file.getvalue(), "image/png")
