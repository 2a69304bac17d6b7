"""The headers of safetensors and GGUF files, for people to read; the parsers are those of `repos.facts`."""

from dataclasses import dataclass
from itertools import islice

from pioche.repos.facts import gguf, safetensors
from pioche.repos.facts.ranges import Source
from pioche.repos.preview.spans import Span

_HEADER_BYTES_MAX = 4 * 2**20
_GGUF_BYTES_MAX = 32 * 2**20
"""A header that holds the vocabulary of a large model has ten."""
_TENSORS_SHOWN = 2000
_VALUES_SHOWN = 500
_TEXT_CHARACTERS_MAX = 2000


@dataclass(frozen=True, slots=True)
class Tensor:
    """`shape` as it is written, `8 × 16`."""

    name: str
    dtype: str
    shape: str


@dataclass(frozen=True, slots=True)
class Weights:
    """`tensors` are the first of `count`; `parameters` by dtype; `metadata` is what the writer of the file put there."""

    tensors: list[Tensor]
    count: int
    parameters: dict[str, int]
    metadata: list[tuple[str, str]]

    @property
    def total(self) -> int:
        return sum(self.parameters.values())


def read(span: Span, *, is_gguf: bool) -> Weights:
    """Raises Unreadable."""
    if is_gguf:
        return _gguf(Source(span.size, span.at, limit=_GGUF_BYTES_MAX))
    return _safetensors(Source(span.size, span.at, limit=_HEADER_BYTES_MAX))


def _safetensors(source: Source) -> Weights:
    header = safetensors.read(source)
    tensors = [
        Tensor(name[:300], tensor.dtype, " × ".join(map(str, tensor.shape)) or "1")
        for name, tensor in islice(header.tensors.items(), _TENSORS_SHOWN)
    ]
    return Weights(tensors, len(header.tensors), header.parameters(), _shown(header.metadata))


def _gguf(source: Source) -> Weights:
    header = gguf.read(source, tensors_listed=_TENSORS_SHOWN)
    tensors = [Tensor(one.name[:300], one.dtype, " × ".join(map(str, one.shape)) or "1") for one in header.listed]
    return Weights(tensors, header.tensors, header.parameters, _shown(header.values))


def _shown(values: object) -> list[tuple[str, str]]:
    pairs = values.items() if isinstance(values, dict) else ()
    return [(str(name)[:300], str(value)[:_TEXT_CHARACTERS_MAX]) for name, value in islice(pairs, _VALUES_SHOWN)]
