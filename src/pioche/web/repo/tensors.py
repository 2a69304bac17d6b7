"""The tensors of a model, by name: of one safetensors file, or of all parts that the index names."""

from typing import NamedTuple

import msgspec

from pioche.errors import Corrupt, EntryNotFound, Unprocessable
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


def of_model(repo: Repo) -> list[Tensor]:
    """Of the files in their usual place; none where there are no such files, or nobody can read them."""
    for path in _CANDIDATES:
        try:
            return of_file(repo, path)
        except EntryNotFound:
            continue
        except (Unprocessable, Corrupt, msgspec.MsgspecError):
            return []
    return []


def _product(shape: list[int]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count
