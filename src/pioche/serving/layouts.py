"""Files of repos whose weights lie in folders: those of diffusers, a folder for each part of a pipeline."""

import re
from collections.abc import Collection

INDEX = "model_index.json"
TASKS = frozenset(("text-to-image", "image-to-image"))
_WEIGHTS = re.compile(r"([^/]+)/(?:diffusion_pytorch_model|model)(\.fp16)?(?:-\d{5}-of-\d{5})?\.safetensors\Z")
_BESIDE = re.compile(r"[^/]+/[^/]+\.(?:json|txt|model)\Z")


def diffusers(paths: Collection[str]) -> tuple[str, ...]:
    """The weights, each folder's in full precision where it has them so, and what stands beside them; empty when there are none."""
    found = [(match[1], match[2], path) for path in sorted(paths) if (match := _WEIGHTS.match(path))]
    full = {folder for folder, half, _ in found if not half}
    weights = [path for folder, half, path in found if not half or folder not in full]
    if not weights or INDEX not in paths:
        return ()
    return (*weights, INDEX, *sorted(path for path in paths if _BESIDE.match(path)))
