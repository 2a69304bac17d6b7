"""The Open Inference Protocol, version 2, by REST: what Triton and KServe speak. A model's version is a revision of its repo.

A model that is not in memory is ready: it starts when it is asked, and whoever waits for it to be ready before they ask would
wait for ever.
"""

from collections.abc import Sequence

import msgspec

from pioche import __version__
from pioche.errors import BadRequest, InvalidInput, Unavailable
from pioche.http.messages import Request, Response, json_response
from pioche.protocols.inference import asking, signatures, tensors
from pioche.protocols.inference.signatures import Given, Meta
from pioche.protocols.inference.tensors import BYTES, Tensor
from pioche.serving.messages import State
from pioche.serving.targets import Target

EXTENSIONS = ("binary_tensor_data",)
_HEADER_LENGTH = "Inference-Header-Content-Length"
_TENSORS_MAX = 16


class InputTensor(msgspec.Struct, frozen=True):
    name: str
    shape: list[int]
    datatype: str
    data: object = None
    parameters: dict[str, object] = {}


class OutputTensor(msgspec.Struct, frozen=True):
    name: str
    parameters: dict[str, object] = {}


class Infer(msgspec.Struct, frozen=True):
    inputs: list[InputTensor]
    id: str | None = None
    parameters: dict[str, object] = {}
    outputs: list[OutputTensor] = []


async def server(_request: Request) -> Response:
    """What answers, and which extensions it has."""
    return json_response({"name": "pioche", "version": __version__, "extensions": EXTENSIONS})


async def live(_request: Request) -> Response:
    """Whether the hub is there."""
    return json_response({"live": True})


async def ready(request: Request) -> Response:
    """Whether models can be asked: 503 when not, which is what a probe wants to know and no failure of ours."""
    is_ready = request.hub.models.is_on
    return json_response({"ready": is_ready}, status=200 if is_ready else 503)


async def model(request: Request) -> Response:
    """The tensors that the model takes and gives, and its commit."""
    found = await _target(request)
    _task, signature = signatures.of(found)
    content = {
        "name": found.spec.repo,
        "versions": [found.spec.commit],
        "platform": f"pioche_{found.spec.engine}",
        "inputs": [_described(meta) for meta in signature.inputs],
        "outputs": [_described(meta) for meta in signature.outputs],
    }
    return json_response(content)


async def model_ready(request: Request) -> Response:
    """Whether the model can be asked: it is not started."""
    found = await _target(request)
    looked = await request.hub.models.look(found)
    if looked.state is State.FAILED:
        raise Unavailable(looked.reason or "This model could not be started")
    return json_response({"name": found.spec.repo, "ready": True})


async def infer(request: Request) -> Response:
    """Has the model answer. Tensors come and go as JSON, or as bytes behind it."""
    found = await _target(request)
    asked, binary = _read(request, await asking.body(request))
    if asked.parameters.get("stream"):
        raise InvalidInput("parameters.stream", "an answer comes whole here: streams are for gRPC")
    given = Given(_tensors(asked, binary), asked.parameters)
    ask, signature = signatures.ask(found, given)
    answered = await asking.answer(request, found, ask)
    return _answer(found, asked, wanted(signatures.told(signature, answered), [one.name for one in asked.outputs]))


def wanted(told: list[Tensor], names: Sequence[str]) -> list[Tensor]:
    """The outputs that a request names, or all. Raises InvalidInput for one that is not there."""
    by_name = {tensor.name: tensor for tensor in told}
    for name in names:
        if name not in by_name:
            raise InvalidInput("outputs", f"there is no {name[:100]!r}: {', '.join(by_name)}")
    return [by_name[name] for name in names] or told


async def _target(request: Request) -> Target:
    return await asking.target(request, request.repo, request.params.get("version") or "main")


def _described(meta: Meta) -> dict[str, object]:
    return {"name": meta.name, "datatype": meta.datatype, "shape": list(meta.shape)}


def _read(request: Request, body: bytes) -> tuple[Infer, memoryview]:
    """The JSON, and the bytes behind it. Raises BadRequest, InvalidInput."""
    length = request.headers.get(_HEADER_LENGTH.lower(), "")
    if length and not (length.isascii() and length.isdigit() and len(length) < 12 and int(length) <= len(body)):
        raise BadRequest(f"{_HEADER_LENGTH} is not a part of the body's length")
    end = int(length) if length else len(body)
    asked = asking.read(body[:end], Infer)
    if len(asked.inputs) > _TENSORS_MAX:
        raise InvalidInput("inputs", f"{_TENSORS_MAX} tensors are allowed at most")
    return asked, memoryview(body)[end:]


def _tensors(asked: Infer, binary: memoryview) -> dict[str, Tensor]:
    found = dict[str, Tensor]()
    for one in asked.inputs:
        tensors.check(one.name, one.datatype, one.shape)
        size = one.parameters.get("binary_data_size")
        if size is None:
            values: Sequence[object] = tensors.flat(one.name, one.data)
        elif not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(binary):
            raise InvalidInput(one.name, "its binary_data_size is more than there is behind the JSON")
        else:
            values, binary = tensors.unpacked(one.name, binary[:size]), binary[size:]
        if one.name in found:
            raise InvalidInput(one.name, "it is there twice")
        found[one.name] = tensors.given(one.name, one.datatype, one.shape, values)
    if len(binary):
        raise BadRequest("There are more bytes behind the JSON than its tensors say")
    return found


def _answer(found: Target, asked: Infer, told: list[Tensor]) -> Response:
    as_bytes = {one.name: one.parameters.get("binary_data") for one in asked.outputs}
    usual = asked.parameters.get("binary_data_output", False)
    parts, outputs = list[bytes](), list[dict[str, object]]()
    for tensor in told:
        output: dict[str, object] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        chosen = as_bytes.get(tensor.name)
        if usual if chosen is None else chosen:
            parts.append(tensors.packed(tensor))
            output["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            output["data"] = _json_values(tensor)
        outputs.append(output)
    content = {"model_name": found.spec.repo, "model_version": found.spec.commit, "outputs": outputs}
    if asked.id is not None:
        content["id"] = asked.id
    head = msgspec.json.encode(content)
    if not parts:
        return Response(200, [("Content-Type", "application/json")], head)
    headers = [("Content-Type", "application/octet-stream"), (_HEADER_LENGTH, str(len(head)))]
    return Response(200, headers, head + b"".join(parts))


def _json_values(tensor: Tensor) -> list[object]:
    """Raises BadRequest for bytes, which JSON has no place for."""
    if tensor.datatype != BYTES:
        return list(tensor.values)
    try:
        return [value.decode() if isinstance(value, bytes) else value for value in tensor.values]
    except UnicodeDecodeError:
        raise BadRequest(f"The output {tensor.name} is no text: ask for it as binary data") from None
