"""Tasks of pictures, in the shapes of the task API (serving.md 2.2)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import torch

from pioche.serving.engines import Listener, inputs, pictures
from pioche.serving.engines.pipelines import opening
from pioche.serving.spec import Ask

Job = Callable[[Listener], object]
_Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Labels = Annotated[list[str], msgspec.Meta(min_length=1, max_length=100)]
_NEW_TOKENS_MAX = 1024


class _Classify(inputs.Parameters, frozen=True):
    top_k: _Count = 5
    function_to_apply: Literal["sigmoid", "softmax", "none"] | None = None


class _ZeroShot(inputs.Parameters, frozen=True, kw_only=True):
    candidate_labels: _Labels
    hypothesis_template: str = "This is a photo of {}."


class _Detect(inputs.Parameters, frozen=True):
    threshold: _Share = 0.5


class _ZeroShotDetect(inputs.Parameters, frozen=True, kw_only=True):
    candidate_labels: _Labels
    threshold: _Share = 0.1


class _Segment(inputs.Parameters, frozen=True):
    subtask: Literal["instance", "panoptic", "semantic"] | None = None
    threshold: _Share = 0.9
    mask_threshold: _Share = 0.5
    overlap_mask_area_threshold: _Share = 0.5


class _Nothing(inputs.Parameters, frozen=True):
    pass


class _Describe(inputs.Parameters, frozen=True):
    max_new_tokens: Annotated[int, msgspec.Meta(ge=1, le=_NEW_TOKENS_MAX)] = 50


class _Answer(inputs.Parameters, frozen=True):
    top_k: _Count = 5


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    image: str
    question: str


_Place = Annotated[int, msgspec.Meta(ge=0, le=1000)]


class _AskedDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`word_boxes` are words with their places, in thousandths of the page."""

    question: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    image: str = ""
    word_boxes: (
        Annotated[list[tuple[str, tuple[_Place, _Place, _Place, _Place]]], msgspec.Meta(max_length=5000)] | None
    ) = None


def _classify(pipe: Any, ask: Ask) -> Job:
    wanted = inputs.read_parameters(ask.parameters, _Classify)
    picture = pictures.decoded(ask.inputs)
    options = {"function_to_apply": wanted.function_to_apply} if wanted.function_to_apply else {}
    return lambda _listener: [_scored(one) for one in pipe(picture, top_k=wanted.top_k, **options)]


def _classify_zero_shot(pipe: Any, ask: Ask) -> Job:
    wanted = inputs.read_parameters(ask.parameters, _ZeroShot)
    picture = pictures.decoded(ask.inputs)
    options = {"candidate_labels": wanted.candidate_labels, "hypothesis_template": wanted.hypothesis_template}
    return lambda _listener: [_scored(one) for one in pipe(picture, **options)]


def _detect(pipe: Any, ask: Ask) -> Job:
    wanted = inputs.read_parameters(ask.parameters, _Detect)
    picture = pictures.decoded(ask.inputs)
    return lambda _listener: [{**_scored(one), "box": one["box"]} for one in pipe(picture, threshold=wanted.threshold)]


def _detect_zero_shot(pipe: Any, ask: Ask) -> Job:
    wanted = inputs.read_parameters(ask.parameters, _ZeroShotDetect)
    picture = pictures.decoded(ask.inputs)
    options: dict[str, Any] = {"candidate_labels": wanted.candidate_labels, "threshold": wanted.threshold}
    return lambda _listener: [{**_scored(one), "box": one["box"]} for one in pipe(picture, **options)]


def _segment(pipe: Any, ask: Ask) -> Job:
    wanted = inputs.read_parameters(ask.parameters, _Segment)
    picture = pictures.decoded(ask.inputs)
    options = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}

    def run(_listener: Listener) -> object:
        found = pipe(picture, **options)
        return [{**_scored(one), "mask": pictures.encoded(one["mask"])} for one in found]

    return run


def _depth(pipe: Any, ask: Ask) -> Job:
    inputs.read_parameters(ask.parameters, _Nothing)
    picture = pictures.decoded(ask.inputs)
    return lambda _listener: {"depth": pictures.encoded(pipe(picture)["depth"])}


def _features(pipe: Any, ask: Ask) -> Job:
    inputs.read_parameters(ask.parameters, _Nothing)
    picture = pictures.decoded(ask.inputs)
    return lambda _listener: pipe(picture)


def _answer_document(pipe: Any, ask: Ask) -> Job:
    """Who knows the words of a page sends them. To read them off the picture, models of one kind need Tesseract."""
    wanted = inputs.read_parameters(ask.parameters, _Answer)
    asked = inputs.read(ask.inputs, _AskedDocument, "inputs")
    given: dict[str, Any] = {"question": asked.question}
    if asked.word_boxes is not None:
        given["word_boxes"] = asked.word_boxes
    if pipe.image_processor is not None or asked.word_boxes is None:
        given["image"] = pictures.decoded(asked.image, "inputs.image")

    def run(_listener: Listener) -> object:
        found = pipe(given, top_k=wanted.top_k)
        return [{"score": 1.0, **one} for one in (found if isinstance(found, list) else [found])]

    return run


def _scored(one: Mapping[str, Any]) -> dict[str, object]:
    """Semantic segmentation gives no scores."""
    return {"label": one["label"], "score": None if one["score"] is None else float(one["score"])}


_PIPELINES: Mapping[str, tuple[str, Callable[[Any, Ask], Job], tuple[str, ...]]] = {
    "image-classification": ("AutoModelForImageClassification", _classify, ("image_processor",)),
    "zero-shot-image-classification": (
        "AutoModelForZeroShotImageClassification", _classify_zero_shot, ("image_processor", "tokenizer"),
    ),
    "object-detection": ("AutoModelForObjectDetection", _detect, ("image_processor",)),
    "zero-shot-object-detection": (
        "AutoModelForZeroShotObjectDetection", _detect_zero_shot, ("image_processor", "tokenizer"),
    ),
    "image-segmentation": ("AutoModelForSemanticSegmentation", _segment, ("image_processor",)),
    "depth-estimation": ("AutoModelForDepthEstimation", _depth, ("image_processor",)),
    "image-feature-extraction": ("AutoModel", _features, ("image_processor",)),
    "document-question-answering": (
        "AutoModelForDocumentQuestionAnswering", _answer_document, ("image_processor", "tokenizer"),
    ),
}  # fmt: skip
"""The library's class for a repo that names none, what understands a request, and the parts beside the weights."""
_PARTS = {"image_processor": "AutoImageProcessor", "tokenizer": "AutoTokenizer"}
_DOCUMENT = "document-question-answering"
_DESCRIBE, _ANSWER = "image-to-text", "visual-question-answering"
TASKS = (*_PIPELINES, _DESCRIBE, _ANSWER)


def open_tasks(task: str, folder: Path) -> Mapping[str, Callable[[Ask], Job]]:
    """Raises EngineFailed."""
    if task == _DESCRIBE:
        return {task: _Describing(folder).understand}
    if task == _ANSWER:
        return {task: _Answering(folder).understand}
    fallback, understand, parts = _PIPELINES[task]
    if not (folder / "preprocessor_config.json").exists() and task == _DOCUMENT:
        parts = ("tokenizer",)  # one that reads words and where they stand, and no picture
    pipe = opening.pipeline(task, folder, fallback, **{part: _PARTS[part] for part in parts})
    return {task: lambda ask: understand(pipe, ask)}


class _Describing:
    """What is on a picture, in words: the library has no pipeline for it any more."""

    def __init__(self, folder: Path) -> None:
        self._model = opening.model(folder, "AutoModelForImageTextToText")
        self._processor = opening.beside("AutoImageProcessor", folder)
        self._tokenizer = opening.beside("AutoTokenizer", folder)

    def understand(self, ask: Ask) -> Job:
        wanted = inputs.read_parameters(ask.parameters, _Describe)
        picture = pictures.decoded(ask.inputs)

        def run(_listener: Listener) -> object:
            pixels = self._processor(images=picture, return_tensors="pt").pixel_values
            tokens = self._model.generate(pixel_values=pixels, max_new_tokens=wanted.max_new_tokens)
            texts = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
            return [{"generated_text": text.strip()} for text in texts]

        return run


class _Answering:
    """Which of the answers that it knows is right for a picture: the library has no pipeline for it any more."""

    def __init__(self, folder: Path) -> None:
        self._model = opening.model(folder, "AutoModelForVisualQuestionAnswering")
        self._processor = opening.beside("AutoProcessor", folder)

    def understand(self, ask: Ask) -> Job:
        wanted = inputs.read_parameters(ask.parameters, _Answer)
        asked = inputs.read(ask.inputs, _Asked, "inputs")
        picture = pictures.decoded(asked.image, "inputs.image")

        def run(_listener: Listener) -> object:
            given = self._processor(images=picture, text=asked.question, return_tensors="pt")
            scores = torch.sigmoid(self._model(**given).logits[0])
            best = scores.topk(min(wanted.top_k, scores.numel()))
            labels = self._model.config.id2label
            found = zip(best.values.tolist(), best.indices.tolist(), strict=True)
            return [{"answer": labels[index], "score": score} for score, index in found]

        return run
