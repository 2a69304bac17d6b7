"""The task API: one address a model, the shapes of the public Hub's tasks (serving.md 2.2)."""

import base64
from typing import Any

import msgspec

import pioche
from pioche.errors import BadRequest, InvalidInput, NotFound
from pioche.http.messages import Request, Response, json_response
from pioche.protocols.inference import asking
from pioche.serving import choice
from pioche.serving.spec import Ask, EngineName
from pioche.serving.targets import Target

_ENVELOPE = ("inputs", "parameters", "options")
# What clients put beside the inputs: everything of these tasks, `stream` of text-generation.
_AT_ROOT = frozenset(
    ("normalize", "prompt_name", "truncate", "truncation_direction", "dimensions", "stream", "encoding_format")
)
_BINARY = ("image", "audio", "speech", "video", "object-detection", "depth", "mask-generation")

_SERVER: dict[str, object] = {
    "router": "pioche",
    "version": pioche.__version__,
    "docker_label": None,
    "model_dtype": None,
    "model_device_type": "cpu",
    "max_concurrent_requests": 512,
    "max_best_of": 1,
    "max_stop_sequences": 16,
    "max_input_length": None,
    "max_total_tokens": None,
    "max_client_batch_size": 1000,
}


async def ask(request: Request) -> Response:
    """Has the model answer, for the task of the address or its own. The body is JSON with `inputs` and `parameters`, or
    the bytes of an image or a sound."""
    found = await asking.addressed(request)
    wanted = _read(request, await asking.body(request), found)
    found.check_task(wanted.task)
    return asking.respond(found, wanted.task, await asking.answer(request, found, wanted))


async def describe(request: Request) -> Response:
    """The model's task, its commit, and whether it is in memory; and by the names of text-generation-inference and
    text-embeddings-inference what they say of a model. What only its worker knows is null."""
    found = await asking.addressed(request)
    looked = await request.hub.models.look(found)
    content = {
        "model_id": found.spec.repo,
        "sha": found.spec.commit,
        "pipeline_tag": found.spec.task,
        "tasks": sorted(choice.served(found.spec.task)),
        "engine": found.spec.engine,
        "state": looked.state,
        "reason": looked.reason,
        "export": looked.export or None,
        **_SERVER,
        "model_sha": found.spec.commit,
        "model_pipeline_tag": found.spec.task,
    }
    return json_response(content, headers=[("Cache-Control", "no-store")])


async def health(request: Request) -> Response:
    """Whether the model can be asked at all: it is not started."""
    found = await asking.addressed(request)
    return json_response({"status": "ok", "task": found.spec.task})


def _read(request: Request, body: bytes, found: Target) -> Ask:
    task = request.params.get("task")
    if task is not None and task not in choice.served(found.spec.task):
        raise NotFound(f"This model does {' and '.join(sorted(choice.served(found.spec.task)))}, not {task}")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found.spec.engine is EngineName.HANDLER:
        return _for_handler(found.spec.task, kind, body)
    if _is_json(kind, body):
        inputs, parameters = _envelope(body)
        return Ask(task or _meant(found, inputs, parameters), inputs, parameters)
    task = task or found.spec.task
    if any(part in task for part in _BINARY) and not task.startswith("text-to-"):
        return Ask(task, base64.b64encode(body).decode())
    try:
        return Ask(task, body.decode())
    except UnicodeDecodeError:
        raise InvalidInput("inputs", f"{task} takes a text, in JSON: {{'inputs': ...}}") from None


def _is_json(kind: str, body: bytes) -> bool:
    """Clients of images and sounds send bytes without saying what they are; those who say JSON mean it."""
    return kind.endswith("json") or (kind in ("", "application/x-www-form-urlencoded") and body.lstrip()[:1] == b"{")


def _for_handler(task: str, kind: str, body: bytes) -> Ask:
    """All that the body has, as the public Hub gives it to a `handler.py`: its JSON, or a picture, a sound, a text as inputs."""
    if _is_json(kind, body):
        content, parameters = _object(body)
        beside = {name: value for name, value in content.items() if name not in ("inputs", "parameters")}
        return Ask(task, content["inputs"], parameters, beside)
    if kind.startswith("text/"):
        return Ask(task, body.decode(errors="replace"))
    unsaid = "image/unknown" if "image" in task else "application/octet-stream"
    return Ask(task, base64.b64encode(body).decode(), media=kind if kind.startswith(("image/", "audio/")) else unsaid)


def _envelope(body: bytes) -> tuple[object, dict[str, object]]:
    """`inputs` and `parameters`. Raises BadRequest, InvalidInput for a field that is neither."""
    content, parameters = _object(body)
    for name, value in content.items():
        if name in _AT_ROOT:
            parameters[name] = value
        elif name not in _ENVELOPE:
            raise InvalidInput(name, "there is no such field: parameters go into `parameters`")
    return content["inputs"], parameters


def _object(body: bytes) -> tuple[dict[str, Any], dict[str, object]]:
    """With its parameters. Raises BadRequest, InvalidInput."""
    try:
        content: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not valid JSON: {str(error)[:200]}") from None
    if not isinstance(content, dict) or "inputs" not in content:
        raise InvalidInput("inputs", "the body has to be a JSON object with inputs")
    parameters = content.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise InvalidInput("parameters", "an object is expected")
    return content, parameters


def _meant(found: Target, inputs: object, parameters: dict[str, object]) -> str:
    """The task that the inputs are for: of two that a model can do, the address of the model alone does not say which."""
    if "candidate_labels" in parameters:
        meant = "zero-shot-classification"
    elif isinstance(inputs, dict) and "source_sentence" in inputs:
        meant = "sentence-similarity"
    elif found.spec.task == "sentence-similarity":
        meant = "feature-extraction"
    else:
        return found.spec.task
    return meant if meant in choice.served(found.spec.task) else found.spec.task
