"""Weights and what stands beside them, out of the folder of a model: locally, from safetensors, with the library's own code;
where an owner allowed it (`own_code`), with the repo's as well, and from a pickle."""

import json
from pathlib import Path
from typing import Any

import safetensors
import torch
import transformers

from pioche.errors import EngineFailed
from pioche.serving.engines import own_code

RAISED = (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError, NotImplementedError)
"""What libraries say of a configuration, weights and inputs that do not fit is one of these."""
_HEADS = ("pooler.", "position_ids", "masked_spec_embed")
"""What a checkpoint may lack: nothing that is computed here needs it."""


def model(folder: Path, fallback: str, *, dtype: Any = torch.float32) -> Any:
    """By the class that its configuration names, else by the library's `fallback`. What the weights lack would be made up at
    random, and answer all the same: it is refused. Raises EngineFailed."""
    try:
        named = json.loads((folder / "config.json").read_bytes()).get("architectures") or [fallback]
        kind = getattr(transformers, str(named[0]), None) or getattr(transformers, fallback)
        found, report = kind.from_pretrained(
            folder,
            local_files_only=True,
            **own_code.of_weights(),
            dtype=dtype,
            output_loading_info=True,
        )
    except (OSError, safetensors.SafetensorError, *own_code.RAISED, *RAISED) as error:
        raise EngineFailed(f"The weights cannot be loaded: {own_code.reason(error)}") from None
    if lacking := sorted(name for name in report["missing_keys"] if not any(head in name for head in _HEADS)):
        raise EngineFailed(f"The weights lack {', '.join(lacking[:3])}: is the task of the model the right one?")
    return found.eval()


def beside(kind: str, folder: Path) -> Any:
    """Such as `AutoTokenizer`. Raises EngineFailed."""
    try:
        return getattr(transformers, kind).from_pretrained(
            folder, local_files_only=True, trust_remote_code=own_code.trusted()
        )
    except (OSError, *own_code.RAISED, *RAISED) as error:
        raise EngineFailed(f"What stands beside the weights cannot be loaded: {own_code.reason(error)}") from None


def pipeline(task: str, folder: Path, fallback: str, **kinds: str) -> Any:
    """One of the library's own. `kinds` are the parts that it needs beside the weights: `tokenizer="AutoTokenizer"`."""
    opened = model(folder, fallback)
    parts = {name: beside(kind, folder) for name, kind in kinds.items()}
    make: Any = transformers.pipeline
    try:
        return make(task, model=opened, device="cpu", **parts)
    except (OSError, *own_code.RAISED, *RAISED) as error:
        raise EngineFailed(f"The model cannot be used for {task}: {own_code.reason(error)}") from None
