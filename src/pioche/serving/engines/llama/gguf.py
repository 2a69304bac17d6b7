"""What a GGUF file says of itself, as far as the engine needs it before it opens it: the metadata, and the names of tensors.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pioche.errors import EngineFailed

_ENTRIES_MAX = 100_000
_TEXT_BYTES_MAX = 2**24
_KEPT_NUMBERS_MAX = 4096
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_TEXT = 8
_ARRAY = 9


@dataclass(frozen=True, slots=True)
class Gguf:
    """`metadata` lacks arrays of texts and long ones of numbers."""

    metadata: dict[str, Any]
    tensors: frozenset[str]

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", ""))

    def number(self, name: str, otherwise: int = 0) -> int:
        """Of the architecture, such as `context_length`. The largest where there is one for each layer."""
        found = self.metadata.get(f"{self.architecture}.{name}", otherwise)
        if isinstance(found, list):
            found = max(found, default=otherwise)
        return found if isinstance(found, int) else otherwise


def read(path: Path) -> Gguf:
    """Raises EngineFailed when it is none, or says more than is reasonable."""
    try:
        with path.open("rb") as file:
            return _read(file)
    except (struct.error, UnicodeDecodeError, KeyError, EOFError, RecursionError):
        raise EngineFailed(f"{path.name} is not a GGUF file that can be read") from None


def _read(file: BinaryIO) -> Gguf:
    if _take(file, 4) != b"GGUF" or _number(file, "<I") not in (2, 3):
        raise EOFError
    tensors, pairs = _count(file), _count(file)
    metadata = {_text(file): _value(file, _number(file, "<I")) for _ in range(pairs)}
    return Gguf(metadata, frozenset(_tensor(file) for _ in range(tensors)))


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _TEXT:
        return _text(file)
    if kind == _ARRAY:
        return _array(file)
    return _number(file, _NUMBERS[kind])


def _array(file: BinaryIO) -> list[Any]:
    """Empty for one that nobody asks for: its bytes are passed over."""
    kind, count = _number(file, "<I"), _number(file, "<Q")
    if kind == _TEXT:
        for _ in range(count):
            file.seek(_length(file), 1)
        return []
    if kind == _ARRAY:
        raise EOFError  # no writer nests them
    if count > _KEPT_NUMBERS_MAX:
        file.seek(count * struct.calcsize(_NUMBERS[kind]), 1)
        return []
    return [_number(file, _NUMBERS[kind]) for _ in range(count)]


def _tensor(file: BinaryIO) -> str:
    name, dimensions = _text(file), _number(file, "<I")
    _take(file, 8 * min(dimensions, _KEPT_NUMBERS_MAX) + 12)
    return name


def _count(file: BinaryIO) -> int:
    count = _number(file, "<Q")
    if count > _ENTRIES_MAX:
        raise EOFError
    return int(count)


def _text(file: BinaryIO) -> str:
    return _take(file, _length(file)).decode()


def _length(file: BinaryIO) -> int:
    length = _number(file, "<Q")
    if length > _TEXT_BYTES_MAX:
        raise EOFError
    return int(length)


def _number(file: BinaryIO, form: str) -> Any:
    return struct.unpack(form, _take(file, struct.calcsize(form)))[0]


def _take(file: BinaryIO, size: int) -> bytes:
    found = file.read(size)
    if len(found) < size:
        raise EOFError
    return found
