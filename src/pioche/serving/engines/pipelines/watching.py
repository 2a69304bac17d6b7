"""Tasks of videos. The library's own pipeline opens paths and addresses: ours is given bytes, and decodes them itself."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import torch

from pioche.serving.engines import Listener, inputs, media, video
from pioche.serving.engines.pipelines import opening
from pioche.serving.spec import Ask

Job = Callable[[Listener], object]
TASKS = ("video-classification",)
_FRAMES = 16
_FRAMES_MAX = 64


class _Classify(inputs.Parameters, frozen=True):
    top_k: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5
    num_frames: Annotated[int, msgspec.Meta(ge=1, le=_FRAMES_MAX)] | None = None
    frame_sampling_rate: Annotated[int, msgspec.Meta(ge=1, le=300)] = 1
    function_to_apply: Literal["sigmoid", "softmax", "none"] = "softmax"


def open_tasks(task: str, folder: Path) -> Mapping[str, Callable[[Ask], Job]]:
    """Raises EngineFailed."""
    model = opening.model(folder, "AutoModelForVideoClassification")
    processor = opening.beside("AutoImageProcessor", folder)
    return {task: lambda ask: _classify(model, processor, ask)}


def _classify(model: Any, processor: Any, ask: Ask) -> Job:
    wanted = inputs.read_parameters(ask.parameters, _Classify)
    content = media.decoded(ask.inputs)
    count = wanted.num_frames or min(_FRAMES_MAX, int(getattr(model.config, "num_frames", _FRAMES)))

    def run(_listener: Listener) -> object:
        pictures = video.frames(content, count, wanted.frame_sampling_rate)
        logits = model(**processor(pictures, return_tensors="pt")).logits[0]
        scores: dict[str, Callable[[], Any]] = {
            "softmax": lambda: logits.softmax(-1),
            "sigmoid": lambda: torch.sigmoid(logits),
            "none": lambda: logits,
        }
        best = scores[wanted.function_to_apply]().topk(min(wanted.top_k, logits.numel()))
        found = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        return [{"label": model.config.id2label[index], "score": score} for score, index in found]

    return run
