"""Files of weights made at test time: headers as the formats want them, and as liars write them."""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I8": 1, "U8": 1}


def safetensors(tensors: Mapping[str, tuple[str, Sequence[int]]], metadata: Mapping[str, str] | None = None) -> bytes:
    """Tensors of zeros: `{"a": ("F32", [2, 3])}`."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name, (dtype, shape) in tensors.items():
        size = _BYTES[dtype]
        for length in shape:
            size *= length
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    return framed(json.dumps(header).encode()) + bytes(at)


def framed(header: bytes) -> bytes:
    """A safetensors header of these bytes, whatever they are."""
    return len(header).to_bytes(8, "little") + header


class Gguf:
    """Writes a GGUF file: pairs, then tensors, then zeros. Counts and lengths may be overwritten with lies."""

    def __init__(self, *, order: str = "<", version: int = 3) -> None:
        self._order = order
        self._version = version
        self._pairs: list[bytes] = []
        self._tensors: list[bytes] = []
        self._data = 0

    def text(self, value: bytes | str, *, length: int | None = None) -> bytes:
        raw = value.encode() if isinstance(value, str) else value
        return self.number("Q", len(raw) if length is None else length) + raw

    def number(self, code: str, value: float) -> bytes:
        return struct.pack(self._order + code, value)

    def pair(self, name: str, kind: int, value: bytes) -> "Gguf":
        self._pairs.append(self.text(name) + self.number("I", kind) + value)
        return self

    def string(self, name: str, value: str) -> "Gguf":
        return self.pair(name, 8, self.text(value))

    def unsigned(self, name: str, value: int) -> "Gguf":
        return self.pair(name, 4, self.number("I", value))

    def strings(self, name: str, values: Sequence[str]) -> "Gguf":
        items = b"".join(self.text(value) for value in values)
        return self.pair(name, 9, self.number("I", 8) + self.number("Q", len(values)) + items)

    def array(self, kind: int, count: int, items: bytes = b"") -> bytes:
        return self.number("I", kind) + self.number("Q", count) + items

    def tensor(self, name: str, shape: Sequence[int], kind: int = 0, *, size: int = 0) -> "Gguf":
        dimensions = b"".join(self.number("Q", length) for length in shape)
        place = self.number("I", kind) + self.number("Q", self._data)
        self._tensors.append(self.text(name) + self.number("I", len(shape)) + dimensions + place)
        self._data += size
        return self

    def bytes(self, *, tensors: int | None = None, pairs: int | None = None) -> bytes:
        counts = (len(self._tensors) if tensors is None else tensors, len(self._pairs) if pairs is None else pairs)
        head = b"GGUF" + self.number("I", self._version) + b"".join(self.number("Q", count) for count in counts)
        return head + b"".join(self._pairs) + b"".join(self._tensors) + bytes(self._data)


def llama() -> Gguf:
    """A small language model: 48 parameters, 32 of them in 4 bits."""
    model = Gguf().string("general.architecture", "llama").unsigned("llama.context_length", 4096)
    model.string("tokenizer.chat_template", "{{ messages }}").string("quantize.imatrix.file", "i.dat")
    model.strings("tokenizer.ggml.tokens", ["<unk>", "<s>", "</s>"]).unsigned("tokenizer.ggml.bos_token_id", 1)
    model.pair("tokenizer.ggml.scores", 9, model.array(6, 3, bytes(12))).unsigned("tokenizer.ggml.eos_token_id", 2)
    return model.tensor("a", [32], 2, size=18).tensor("b", [4, 4], 0, size=64)
