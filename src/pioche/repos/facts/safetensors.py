"""The header of a safetensors file: names, shapes and places of tensors, as JSON behind an eight-byte length.

Our own reading, with limits (reliability.md D-FMT). The layout is checked as the format demands it: every byte after the
header belongs to exactly one tensor (https://huggingface.co/docs/safetensors, "Format").
"""

import math
import re
from collections import Counter
from typing import Annotated

import msgspec

from pioche.repos.facts.ranges import Source, Unreadable

HEADER_BYTES_MAX = 25 * 2**20
BYTES_READ_MAX = HEADER_BYTES_MAX + 8

_METADATA = "__metadata__"
_DIMENSIONS_MAX = 64
_DTYPE = re.compile(r"[A-Z][A-Z0-9_]{0,15}\Z")
_BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
_Number = Annotated[int, msgspec.Meta(ge=0)]


class Tensor(msgspec.Struct, gc=False):
    """As the header has it. `data_offsets` count from the end of the header."""

    dtype: str
    shape: list[_Number]
    data_offsets: tuple[_Number, _Number]


class Header(msgspec.Struct):
    """`metadata` is free text from the writer of the file; `length` the bytes before the first tensor."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    length: int

    def parameters(self) -> dict[str, int]:
        """How many there are of each dtype."""
        found = Counter[str]()
        for tensor in self.tensors.values():
            found[tensor.dtype] += math.prod(tensor.shape)
        return dict(found)


def read(source: Source) -> Header:
    """Raises Unreadable, in words for the owner of the repo."""
    raw, length = read_json(source)
    tensors, metadata = _parse(raw)
    if raw.count(b'"data_offsets"') != len(tensors):
        raise Unreadable("its header names a tensor twice")
    _check_layout(tensors, source.size - length)
    return Header(tensors, metadata, length)


def read_json(source: Source) -> tuple[bytes, int]:
    """The header as it is written, and the bytes before the first tensor. Raises Unreadable."""
    length = int.from_bytes(source.bytes(0, 8), "little")
    if length > HEADER_BYTES_MAX:
        raise Unreadable(f"its header says it has {length} bytes: more than {HEADER_BYTES_MAX} are not read")
    return source.bytes(8, 8 + length), 8 + length


def _parse(raw: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        parts = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(parts.pop(_METADATA, msgspec.Raw(b"{}")), type=dict[str, str])
        tensors = {name: msgspec.json.decode(part, type=Tensor) for name, part in parts.items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unreadable("its header is not what the safetensors format demands") from None
    return tensors, metadata


def _check_layout(tensors: dict[str, Tensor], data_bytes: int) -> None:
    """No holes, no overlaps, nothing behind the end."""
    at = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: tensor.data_offsets):
        start, end = tensor.data_offsets
        if start != at or end < start:
            raise Unreadable("its tensors overlap or leave holes")
        _check_size(tensor, end - start)
        at = end
    if at != data_bytes:
        raise Unreadable(f"its tensors have {at} bytes by the header, but {data_bytes} are there")


def _check_size(tensor: Tensor, size: int) -> None:
    if len(tensor.shape) > _DIMENSIONS_MAX or not _DTYPE.match(tensor.dtype):
        raise Unreadable("a tensor has a type or a shape that no real one has")
    bits = _BITS.get(tensor.dtype)
    count = math.prod(tensor.shape)
    if count * bits != size * 8 if bits is not None else count > size * 8:
        raise Unreadable("a tensor's shape and its bytes do not agree")
