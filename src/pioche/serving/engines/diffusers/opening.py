"""A pipeline of diffusers out of the folder of a model: from safetensors, with the libraries' own code."""

import inspect
import json
from pathlib import Path
from typing import Any

import diffusers
import safetensors
import torch

from pioche.errors import EngineFailed
from pioche.serving.engines.pipelines.opening import RAISED

_LIBRARIES = frozenset(("diffusers", "transformers", "stable_diffusion"))
"""Whose classes a pipeline may be made of; the last is an old name for a part of the first."""
_INDEX = "model_index.json"


def pipeline(folder: Path, *, takes_pictures: bool = False) -> Any:
    """Raises EngineFailed."""
    _check(folder)
    try:
        kind: Any = diffusers.DiffusionPipeline
        found = kind.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            variant=_variant(folder),
        ).to(torch.float32)
        if takes_pictures and "image" not in inspect.signature(found.__call__).parameters:
            found = diffusers.AutoPipelineForImage2Image.from_pipe(found)
    except (OSError, ImportError, safetensors.SafetensorError, *RAISED) as error:
        raise EngineFailed(f"The weights cannot be loaded: {' '.join(str(error).split())[:500]}") from None
    found.set_progress_bar_config(disable=True)
    return found


def _check(folder: Path) -> None:
    """The index names modules that the library would import, whatever they are."""
    try:
        told = json.loads((folder / _INDEX).read_bytes())
        parts = {name: part for name, part in told.items() if isinstance(part, list)}
        name = told["_class_name"]
    except (OSError, ValueError, AttributeError, KeyError, RecursionError):
        raise EngineFailed(f"{_INDEX} cannot be read") from None
    if not isinstance(name, str) or not inspect.isclass(kind := getattr(diffusers, name, None)):
        raise EngineFailed(f"{_INDEX} names no pipeline of diffusers")
    if not issubclass(kind, diffusers.DiffusionPipeline):
        raise EngineFailed(f"{_INDEX} names no pipeline of diffusers")
    for part, said in parts.items():
        if len(said) == 2 and said[0] is not None and said[0] not in _LIBRARIES:  # library and class
            raise EngineFailed(f"{_INDEX} wants {part} from {said[0]}, and code of a repo does not run here")


def _variant(folder: Path) -> str | None:
    """fp16 where there are no other weights."""
    plain = [path for path in folder.rglob("*.safetensors") if ".fp16" not in path.name]
    return None if plain else "fp16"
