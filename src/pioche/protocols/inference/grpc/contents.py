"""Tensors and parameters between the messages of gRPC and ours."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pioche.errors import InvalidInput
from pioche.protocols.inference import tensors
from pioche.protocols.inference.grpc.messages import CLASSES
from pioche.protocols.inference.signatures import Given
from pioche.protocols.inference.tensors import BYTES, FP32, Tensor
from pioche.serving.targets import Target

Message = Any
"""Made of descriptors at run time: nothing more is known of it before."""

_TENSORS_MAX = 16
_FINAL = "triton_final_response"


def given(request: Message) -> Given:
    """What a request has. Raises InvalidInput."""
    raws = list(request.raw_input_contents)
    if raws and len(raws) != len(request.inputs):
        raise InvalidInput("raw_input_contents", "one is needed for each input, or none at all")
    if len(request.inputs) > _TENSORS_MAX:
        raise InvalidInput("inputs", f"{_TENSORS_MAX} tensors are allowed at most")
    found = dict[str, Tensor]()
    for place, one in enumerate(request.inputs):
        tensors.check(one.name, one.datatype, one.shape)
        if one.name in found:
            raise InvalidInput(one.name, "it is there twice")
        values: Sequence[bytes] = tensors.unpacked(one.name, raws[place]) if raws else list(one.contents.bytes_contents)
        found[one.name] = tensors.given(one.name, one.datatype, one.shape, values)
    return Given(found, parameters(request.parameters))


def parameters(found: Mapping[str, Message]) -> dict[str, object]:
    """Raises InvalidInput for one without a value."""
    values = dict[str, object]()
    for name, parameter in found.items():
        kind = parameter.WhichOneof("parameter_choice")
        if kind is None:
            raise InvalidInput(f"parameters.{name}", "it has no value")
        values[name] = getattr(parameter, kind)
    return values


def answer(found: Target, request: Message, told: Iterable[Tensor], *, is_final: bool | None = None) -> Message:
    """In bytes, where the request came so. `is_final` says of a part of a stream whether it is the last."""
    response = CLASSES["ModelInferResponse"](model_name=found.spec.repo, model_version=found.spec.commit, id=request.id)
    if is_final is not None:
        response.parameters[_FINAL].bool_param = is_final
    is_raw = bool(request.raw_input_contents)
    for tensor in told:
        output = response.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        if is_raw:
            response.raw_output_contents.append(tensors.packed(tensor))
        elif tensor.datatype == BYTES:
            output.contents.bytes_contents.extend(tensors.as_bytes(value) for value in tensor.values)
        elif tensor.datatype == FP32:
            output.contents.fp32_contents.extend(tensor.values)
        else:
            output.contents.int64_contents.extend(tensor.values)
    return response
