"""The header of a GGUF file: key-value pairs and tensor descriptions (https://github.com/ggml-org/ggml, docs/gguf.md).

Readers of this format were the way into several programs (reliability.md section 3): counts of 2^62, nested arrays, products
that wrap around. So nothing is allocated by what a count says, and everything has a limit.
"""

import math
import re
from collections import Counter
from typing import NamedTuple

import msgspec

from pioche.repos.facts.ranges import Cursor, Source, Unreadable

BYTES_READ_MAX = 64 * 2**20

_PAIRS_MAX = 65_536
_TENSORS_MAX = 1_000_000
_ITEMS_MAX = 2_000_000
_KEY_BYTES_MAX = 65_535
_TEXT_BYTES_MAX = 10 * 2**20
_TEXT_KEPT_MAX = 64 * 1024
_DEPTH_MAX = 4
_DIMENSIONS_MAX = 8
_ARCHITECTURE = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")

_FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9

# ggml's tensor types: name, elements of a block, bytes of a block (ggml.h, ggml-common.h).
_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2),
    26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip

Value = str | int | float | bool


class Tensor(NamedTuple):
    """`shape` in the order of the file, the innermost dimension first, as llama.cpp writes it."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Header(msgspec.Struct):
    """`values` are the pairs with a plain value; `tokens` those of the vocabulary whose ids are special, by id; `listed` the
    first tensors, as many as were asked for."""

    version: int
    tensors: int
    values: dict[str, Value]
    parameters: dict[str, int]
    tokens: dict[int, str]
    listed: list[Tensor] = []

    @property
    def architecture(self) -> str:
        """Empty when the file does not say, or says something odd."""
        found = self.values.get("general.architecture")
        return found if isinstance(found, str) and _ARCHITECTURE.match(found) else ""

    def number(self, name: str) -> int | None:
        """`{architecture}.{name}`, when it is a whole number."""
        found = self.values.get(f"{self.architecture}.{name}")
        return found if type(found) is int and 0 <= found < 2**53 else None

    def special_token(self, name: str) -> str | None:
        """The text of the token whose id the pair `tokenizer.ggml.{name}_token_id` has."""
        found = self.values.get(f"tokenizer.ggml.{name}_token_id")
        return self.tokens.get(found) if type(found) is int else None


def read(source: Source, *, tensors_listed: int = 0) -> Header:
    """Raises Unreadable, in words for the owner of the repo."""
    return _Reading(source, tensors_listed).header()


class _Reading:
    """One pass over a header."""

    def __init__(self, source: Source, tensors_listed: int) -> None:
        self._tensors_listed = tensors_listed
        self._listed: list[Tensor] = []
        self._cursor = Cursor(source)
        self._size = source.size
        self._items = 0
        self._values: dict[str, Value] = {}
        self._vocabulary: list[bytes] = []

    def header(self) -> Header:
        version = self._version()
        count = "Q" if version > 1 else "I"
        self._count = count
        tensors, pairs = self._cursor.number(count), self._cursor.number(count)
        if tensors > _TENSORS_MAX or pairs > _PAIRS_MAX:
            raise Unreadable(f"its header says it has {tensors} tensors and {pairs} pairs: no real file has so many")
        for _ in range(pairs):
            self._pair()
        parameters = self._tensors(tensors)
        return Header(version, tensors, self._values, parameters, self._special(), self._listed)

    def _version(self) -> int:
        if self._cursor.take(4) != b"GGUF":
            raise Unreadable("it does not begin as a GGUF file does")
        raw = self._cursor.take(4)
        version = int.from_bytes(raw, "little")
        if version & 0xFFFF == 0:  # a file of a big-endian machine
            self._cursor.big_endian()
            version = int.from_bytes(raw, "big")
        if version not in (1, 2, 3):
            raise Unreadable(f"its version {version} is unknown")
        return version

    def _text(self, limit: int = _TEXT_BYTES_MAX) -> bytes:
        length = self._cursor.number(self._count)
        if length > limit:
            raise Unreadable(f"its header says that a text has {length} bytes")
        return self._cursor.take(length)

    def _pair(self) -> None:
        name = self._text(_KEY_BYTES_MAX).decode("utf-8", "replace")
        kind = self._cursor.number("I")
        if name in self._values:
            raise Unreadable("its header has a name twice")
        if kind == _ARRAY:
            self._array(0, self._vocabulary if name == "tokenizer.ggml.tokens" else None)
        elif kind == _STRING:
            self._values[name] = self._text()[:_TEXT_KEPT_MAX].decode("utf-8", "replace")
        else:
            self._values[name] = self._plain(kind)

    def _plain(self, kind: int) -> Value:
        code = _FIXED.get(kind)
        if code is None:
            raise Unreadable(f"its header has a value of the unknown type {kind}")
        if code in "fd":
            found = self._cursor.real(code)
            return found if math.isfinite(found) else 0.0
        return self._cursor.number(code)

    def _array(self, depth: int, kept: list[bytes] | None) -> None:
        """Passed over, but for texts that are to be `kept`."""
        kind, count = self._cursor.number("I"), self._cursor.number(self._count)
        if depth == _DEPTH_MAX:
            raise Unreadable("its header nests lists too deeply")
        if kind in _SIZES:
            self._cursor.skip(count * _SIZES[kind])
            return
        if kind not in (_STRING, _ARRAY):
            raise Unreadable(f"its header has a list of the unknown type {kind}")
        self._items += count
        if self._items > _ITEMS_MAX or count * 4 > self._cursor.left:
            raise Unreadable(f"its header says that a list has {count} items")
        for _ in range(count):
            if kind == _ARRAY:
                self._array(depth + 1, None)
                continue
            text = self._text()
            if kept is not None:
                kept.append(text[:256])

    def _tensors(self, count: int) -> dict[str, int]:
        found, size = Counter[str](), 0
        if count * 24 > self._cursor.left:
            raise Unreadable(f"its header says it has {count} tensors, for which it has no room")
        for _ in range(count):
            called = self._text(_KEY_BYTES_MAX)
            dimensions = self._cursor.number("I")
            if dimensions > _DIMENSIONS_MAX:
                raise Unreadable(f"its header says that a tensor has {dimensions} dimensions")
            shape = tuple(self._cursor.number(self._count) for _ in range(dimensions))
            elements = math.prod(shape)
            kind = self._cursor.number("I")
            self._cursor.skip(8)  # where it begins
            name, block, block_bytes = _TYPES.get(kind, (f"type {kind}", 8, 1))
            found[name] += elements
            if len(self._listed) < self._tensors_listed:
                self._listed.append(Tensor(called.decode("utf-8", "replace"), name, shape))
            size += elements * block_bytes // block
        if size > self._size:
            raise Unreadable(f"its tensors need {size} bytes by the header, but the file has {self._size}")
        return dict(found)

    def _special(self) -> dict[int, str]:
        """The tokens whose ids other pairs name."""
        named = [value for name, value in self._values.items() if name.endswith("_token_id") and type(value) is int]
        known = [value for value in named if 0 <= value < len(self._vocabulary)]
        return {value: self._vocabulary[value].decode("utf-8", "replace") for value in known}
