"""What has no name on a picture: masks of all that can be told apart, and the points that two pictures share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
from PIL import Image

from pioche.serving.engines import Listener, inputs, pictures
from pioche.serving.engines.pipelines import opening
from pioche.serving.spec import Ask

Job = Callable[[Listener], object]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_POINTS_AT_ONCE = 64
_WHITE = 255


class _Mask(inputs.Parameters, frozen=True):
    """As the library's `MaskGenerationPipeline` has them."""

    points_per_crop: Annotated[int, msgspec.Meta(ge=1, le=32)] = 32
    pred_iou_thresh: _Share = 0.88
    stability_score_thresh: _Share = 0.95
    mask_threshold: float = 0.0
    crops_nms_thresh: _Share = 0.7


class _Match(inputs.Parameters, frozen=True):
    threshold: _Share = 0.0


class _Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    image: str
    other_image: str


def _mask(pipe: Any, ask: Ask) -> Job:
    wanted = inputs.read_parameters(ask.parameters, _Mask)
    picture = pictures.decoded(ask.inputs)
    options = {
        "pred_iou_thresh": wanted.pred_iou_thresh,
        "stability_score_thresh": wanted.stability_score_thresh,
        "mask_threshold": wanted.mask_threshold,
    }

    def run(_listener: Listener) -> object:
        batches = pipe.preprocess(picture, points_per_batch=_POINTS_AT_ONCE, points_per_crop=wanted.points_per_crop)
        found = [pipe.forward(batch, **options) for batch in batches]
        masks = [mask for batch in found for mask in batch["masks"]]
        scores, boxes = (torch.cat([batch[name] for batch in found]) for name in ("iou_scores", "boxes"))
        kept = apart(boxes.float(), scores, wanted.crops_nms_thresh)
        return [{"score": float(scores[at]), "mask": pictures.encoded(_drawn(masks[at]))} for at in kept]

    return run


def apart(boxes: torch.Tensor, scores: torch.Tensor, most: float) -> list[int]:
    """Those of `boxes` (n, 4: left, top, right, bottom) that overlap no better one by more than `most` of what both cover; best
    first. The library has this of torchvision, of which there is one for each version of torch."""
    waiting, kept = scores.argsort(descending=True), list[int]()
    while waiting.numel():
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        waiting = waiting[_overlap(boxes[best], boxes[waiting]) <= most]
    return kept


def _overlap(box: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """What each shares with `box`, of what the two cover."""
    sides = torch.minimum(box[2:], others[:, 2:]) - torch.maximum(box[:2], others[:, :2])
    shared = sides.clamp(min=0).prod(dim=1)
    covered = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(dim=1) - shared
    return shared / covered.clamp(min=1e-9)


def _drawn(runs: Mapping[str, Any]) -> Any:
    """A picture out of lengths of runs, black first, column by column."""
    height, width = runs["size"]
    colours = np.repeat(np.arange(len(runs["counts"])) % 2 * _WHITE, runs["counts"])
    return Image.fromarray(colours.reshape(width, height).T.astype(np.uint8))


def _match(pipe: Any, ask: Ask) -> Job:
    wanted = inputs.read_parameters(ask.parameters, _Match)
    asked = inputs.read(ask.inputs, _Pair, "inputs")
    pair = (pictures.decoded(asked.image, "inputs.image"), pictures.decoded(asked.other_image, "inputs.other_image"))
    return lambda _listener: [
        {"score": one["score"], "point": one["keypoint_image_0"], "other_point": one["keypoint_image_1"]}
        for one in pipe(pair, threshold=wanted.threshold)
    ]


_PIPELINES: Mapping[str, tuple[str, Callable[[Any, Ask], Job]]] = {
    "mask-generation": ("AutoModelForMaskGeneration", _mask),
    "keypoint-matching": ("AutoModelForKeypointMatching", _match),
}
TASKS = tuple(_PIPELINES)


def open_tasks(task: str, folder: Path) -> Mapping[str, Callable[[Ask], Job]]:
    """Raises EngineFailed."""
    fallback, understand = _PIPELINES[task]
    pipe = opening.pipeline(task, folder, fallback, image_processor="AutoImageProcessor")
    return {task: lambda ask: understand(pipe, ask)}
