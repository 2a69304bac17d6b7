"""The tensors of a model, by name: of one safetensors file, or of all parts that the index names."""

from typing import NamedTuple

import msgspec

from pioche.errors import Corrupt, EntryNotFound, Unprocessable
from pioche.repos import files
from pioche.repos.access import Repo
from pioche.repos.facts import tensors

_CANDIDATES = (
    "model.safetensors.index.json", "model.safetensors", "adapter_model.safetensors", "diffusion_pytorch_model.safetensors",
)  # fmt: skip


class Tensor(NamedTuple):
    """`shape` as 768 × 3072; empty for a number alone."""

    name: str
    dtype: str
    shape: str
    parameters: int


class _Told(msgspec.Struct):
    dtype: str
    shape: list[int]


def of_file(repo: Repo, path: str) -> list[Tensor]:
    """By name. Raises EntryNotFound, Unprocessable."""
    found = list[Tensor]()
    for header in tensors.read(repo, "main", path).headers.values():
        for name, raw in msgspec.json.decode(header, type=dict[str, msgspec.Raw]).items():
            if name != "__metadata__":
                told = msgspec.json.decode(raw, type=_Told)
                found.append(Tensor(name, told.dtype, " × ".join(map(str, told.shape)), _product(told.shape)))
    return sorted(found)


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
        return of_file(repo, path) if path else []
    except (EntryNotFound, Unprocessable, Corrupt, msgspec.MsgspecError):
        return []


def _product(shape: list[int]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count
