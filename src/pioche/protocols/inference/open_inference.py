"""The Open Inference Protocol v2 (KServe's and Triton's) by REST, with its extension for binary tensors.

A version is a revision: a branch, a tag or a commit; without one it is the tip of main. Sources: the protocol's specification
(github.com/kserve/open-inference-protocol) and what tritonclient sends.
"""

import struct
import sys
from array import array
from collections.abc import Iterator
from typing import Any

import msgspec

from pioche import __version__
from pioche.errors import InvalidInput
from pioche.http.messages import Request, Response, json_response
from pioche.protocols.inference import asking, tensors
from pioche.protocols.inference.tensors import BYTES, Tensor
from pioche.serving.targets import Target

_LENGTH = "Inference-Header-Content-Length"
_NAME = "pioche"
EXTENSIONS = ("binary_tensor_data",)


class _Input(msgspec.Struct, frozen=True):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] = {}


class _Output(msgspec.Struct, frozen=True):
    name: str
    parameters: dict[str, Any] = {}


class _Asked(msgspec.Struct, frozen=True):
    inputs: list[_Input]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: list[_Output] = []


async def server(_request: Request) -> Response:
    """What this server is."""
    return json_response({"name": _NAME, "version": __version__, "extensions": list(EXTENSIONS)})


async def health(_request: Request) -> Response:
    """Whoever is answered has found it alive; models are started when they are asked."""
    return json_response({"live": True, "ready": True}, headers=[("Cache-Control", "no-store")])


async def ready(request: Request) -> Response:
    """Whether the model can be asked: it is not started."""
    found = await _target(request)
    return json_response({"name": found.spec.repo, "ready": True})


async def describe(request: Request) -> Response:
    """The tensors that the model takes and gives."""
    found = await _target(request)
    return json_response(
        {
            "name": found.spec.repo,
            "versions": [found.spec.commit],
            "platform": str(found.spec.engine),
            "inputs": [_described(one) for one in tensors.INPUTS],
            "outputs": [_described(tensors.output(found))],
        }
    )


async def infer(request: Request) -> Response:
    """An answer for each element of `inputs`. The body is JSON, or JSON with binary tensors behind it."""
    found = await _target(request)
    asked, given = _read(request, await asking.body(request))
    answers = await asking.answers(request, found, tensors.asks(found, given, asked.parameters))
    tensor = tensors.answered(found, answers)
    return _respond(found, asked, tensor)


async def _target(request: Request) -> Target:
    return await asking.target(request, request.repo, request.params.get("rev") or "main")


def _described(shown: tensors.Described) -> dict[str, object]:
    return {"name": shown.name, "datatype": shown.datatype, "shape": list(shown.shape)}


# --- what is asked ----------------------------------------------------------------------------------------------------


def _read(request: Request, body: bytes) -> tuple[_Asked, list[Tensor]]:
    """Raises BadRequest, InvalidInput."""
    announced = request.headers.get(_LENGTH.lower())
    if announced is None:
        head, rest = body, b""
    elif announced.isascii() and announced.isdigit() and int(announced) <= len(body):
        head, rest = body[: int(announced)], body[int(announced) :]
    else:
        raise InvalidInput(_LENGTH, "the length of the JSON before the binary tensors is expected")
    asked = asking.read(head, _Asked)
    given, at = list[Tensor](), 0
    for one in asked.inputs:
        size = one.parameters.get("binary_data_size")
        if size is None:
            data = _listed(one)
        else:
            if not isinstance(size, int) or not 0 <= size <= len(rest) - at:
                raise InvalidInput("inputs", f"{one.name[:60]}: binary_data_size is more than there is")
            data = list(_elements(one, rest[at : at + size]))
            at += size
        _check_shape(one, len(data))
        given.append(Tensor(one.name, one.datatype, tuple(one.shape), data))
    if at != len(rest):
        raise InvalidInput("inputs", "there is more binary data than the tensors say")
    return asked, given


def _listed(one: _Input) -> list[bytes]:
    """The elements in JSON, flat or nested. What is not text is refused by its datatype later."""
    found = list[bytes]()
    pending = list(reversed(one.data or []))
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += reversed(value)
        elif isinstance(value, str):
            found.append(value.encode("utf-8", "surrogatepass"))
        elif one.datatype == BYTES:
            raise InvalidInput("inputs", f"{one.name[:60]}: elements of BYTES are strings in JSON")
        else:
            found.append(b"")
    return found


def _elements(one: _Input, data: bytes) -> Iterator[bytes]:
    """Of a binary tensor of BYTES: each has its length before it, in four bytes, the lowest first."""
    if one.datatype != BYTES:
        raise InvalidInput("inputs", f"{one.name[:60]}: this model takes tensors of BYTES")
    at = 0
    while at < len(data):
        length = struct.unpack_from("<I", data, at)[0] if at + 4 <= len(data) else len(data)
        if at + 4 + length > len(data):
            raise InvalidInput("inputs", f"{one.name[:60]}: an element is longer than the tensor")
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def _check_shape(one: _Input, count: int) -> None:
    wanted = 1
    for length in one.shape:
        wanted *= length
    if wanted != count or any(length < 0 for length in one.shape):
        raise InvalidInput("inputs", f"{one.name[:60]}: {count} elements do not have the shape {one.shape[:8]}")


# --- what is answered -------------------------------------------------------------------------------------------------


def _respond(found: Target, asked: _Asked, tensor: Tensor) -> Response:
    wanted = [one for one in asked.outputs if one.name == tensor.name]
    if asked.outputs and not wanted:
        raise InvalidInput("outputs", f"this model gives {tensor.name}")
    is_binary = bool(asked.parameters.get("binary_data_output"))
    if wanted:
        is_binary = bool(wanted[0].parameters.get("binary_data", is_binary))
    shown: dict[str, object] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    content: dict[str, object] = {"model_name": found.spec.repo, "model_version": found.spec.commit, "outputs": [shown]}
    if asked.id:
        content["id"] = asked.id
    if not is_binary:
        shown["data"] = _texts(tensor)
        return json_response(content)
    raw = binary(tensor)
    shown["parameters"] = {"binary_data_size": len(raw)}
    head = msgspec.json.encode(content)
    headers = [("Content-Type", "application/octet-stream"), (_LENGTH, str(len(head)))]
    return Response(200, headers, head + raw)


def _texts(tensor: Tensor) -> list[object]:
    if isinstance(tensor.data, array):
        return list(tensor.data)
    return [element.decode("utf-8", "replace") for element in tensor.data]


def binary(tensor: Tensor) -> bytes:
    """As the extension for binary tensors has them, and `raw_output_contents` of gRPC."""
    if isinstance(tensor.data, array):
        data = tensor.data[:]
        if sys.byteorder == "big":
            data.byteswap()
        return data.tobytes()
    return b"".join(struct.pack("<I", len(element)) + element for element in tensor.data)
