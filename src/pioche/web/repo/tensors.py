"""The tensors of a model, by name: of one safetensors file, or of all parts that the index names."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from pioche.errors import Corrupt, EntryNotFound, Unprocessable
from pioche.repos import files
from pioche.repos.access import Repo
from pioche.repos.facts import tensors

_CANDIDATES = (
    "model.safetensors.index.json", "model.safetensors", "adapter_model.safetensors", "diffusion_pytorch_model.safetensors",
)  # fmt: skip
INDEX = ".index.json"
"""What the file ends with that names all parts of a model."""


class Tensor(NamedTuple):
    """`shape` as 768 × 3072, empty for a number alone; `size` in bytes; `part` is the file in which it is."""

    name: str
    dtype: str
    shape: str
    parameters: int
    size: int
    part: str


@dataclass(frozen=True, slots=True)
class Tensors:
    """By name, of the file at `path`; `parts` are the files that an index names."""

    path: str
    all: list[Tensor]
    parts: list[str]


class _Told(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int] = (0, 0)


def of_file(repo: Repo, path: str) -> Tensors:
    """Raises EntryNotFound, Unprocessable, Corrupt, MsgspecError."""
    found = list[Tensor]()
    headers = tensors.read(repo, "main", path).headers
    folder = path.rpartition("/")[0] if path.endswith(INDEX) else ""
    parts = {name: f"{folder}/{name}" if folder else name for name in headers}
    for part, header in headers.items():
        for name, raw in msgspec.json.decode(header, type=dict[str, msgspec.Raw]).items():
            if name != "__metadata__":
                found.append(_tensor(name, msgspec.json.decode(raw, type=_Told), parts[part]))
    return Tensors(path, sorted(found), list(parts.values()))


def _tensor(name: str, told: _Told, part: str) -> Tensor:
    start, end = told.data_offsets
    shape = " × ".join(map(str, told.shape))
    return Tensor(name, told.dtype, shape, math.prod(told.shape), max(end - start, 0), part)


def file_of(repo: Repo) -> str:
    """The index or the file that holds the model; empty where it has another name."""
    for path in _CANDIDATES:
        try:
            if files.locate_sync(repo, "main", path).entry.is_file:
                return path
        except EntryNotFound:
            continue
    return ""


def of_model(repo: Repo) -> list[Tensor]:
    """Of the file in its usual place; none where there is none, or nobody can read it."""
    path = file_of(repo)
    try:
        return of_file(repo, path).all if path else []
    except (EntryNotFound, Unprocessable, Corrupt, msgspec.MsgspecError):
        return []
