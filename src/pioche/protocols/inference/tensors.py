"""Tensors of the Open Inference Protocol: as JSON, and as the bytes of its extension for binary data.

What models of this hub are given are texts, sounds and pictures: BYTES, in the words of the protocol. Numbers go out only.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from pioche.errors import InvalidInput

BYTES, FP32, INT64 = "BYTES", "FP32", "INT64"
_FORMATS = {FP32: "f", INT64: "q"}
_LENGTH = struct.Struct("<I")
_VALUES_MAX = 100_000

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """`values` are flat, the last dimension first to change; of BYTES they are text or bytes."""

    name: str
    datatype: str
    shape: Shape
    values: Sequence[str | bytes | float]


def given(name: str, datatype: str, shape: Sequence[int], values: Sequence[object]) -> Tensor:
    """What a request has. Raises InvalidInput, which names the tensor."""
    check(name, datatype, shape)
    found = [value for value in values if isinstance(value, str | bytes)]
    if len(found) != len(values):
        raise InvalidInput(name, "texts are expected")
    if any(size < 0 for size in shape) or prod(shape) != len(found):
        raise InvalidInput(name, f"its shape {list(shape)} is not that of its {len(found)} values")
    return Tensor(name, datatype, tuple(shape), found)


def check(name: str, datatype: str, shape: Sequence[int]) -> None:
    """Raises InvalidInput for what no model here takes."""
    if datatype != BYTES:
        raise InvalidInput(name, f"models of this hub take {BYTES}, not {datatype[:20]}")
    if len(shape) > 8:
        raise InvalidInput(name, "8 dimensions are allowed at most")


def flat(name: str, data: object) -> list[object]:
    """Values of JSON, which may be nested as the shape says or not. Raises InvalidInput."""
    values, depth = data if isinstance(data, list) else [data], 0
    while any(isinstance(value, list) for value in values):
        depth += 1
        if depth > 8:
            raise InvalidInput(name, "8 dimensions are allowed at most")
        values = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return values


def unpacked(name: str, raw: bytes | memoryview) -> list[bytes]:
    """Elements of BYTES: each with its length before it, four bytes, the lowest first. Raises InvalidInput."""
    found, place, view = list[bytes](), 0, memoryview(raw)
    while place < len(view):
        start = place + _LENGTH.size
        if start > len(view) or len(found) == _VALUES_MAX:
            raise InvalidInput(name, "its binary data is not elements with their lengths before them")
        place = start + _LENGTH.unpack_from(view, start - _LENGTH.size)[0]
        if place > len(view):
            raise InvalidInput(name, "its binary data ends in the middle of an element")
        found.append(bytes(view[start:place]))
    return found


def packed(tensor: Tensor) -> bytes:
    """The values as the extension for binary data has them."""
    if tensor.datatype == BYTES:
        parts = [as_bytes(value) for value in tensor.values]
        return b"".join(_LENGTH.pack(len(part)) + part for part in parts)
    return struct.pack(f"<{len(tensor.values)}{_FORMATS[tensor.datatype]}", *tensor.values)


def as_bytes(value: str | bytes | float) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def as_text(tensor: Tensor) -> list[str]:
    """Raises InvalidInput for what is not UTF-8."""
    try:
        return [value.decode() if isinstance(value, bytes) else str(value) for value in tensor.values]
    except UnicodeDecodeError:
        raise InvalidInput(tensor.name, "it is not text in UTF-8") from None
