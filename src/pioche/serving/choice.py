"""Which engine serves a model, from its files and its task (serving.md 5.1)."""

from collections.abc import Collection
from dataclasses import dataclass

from pioche.errors import NotServed
from pioche.serving.spec import EngineName

_EMBEDDING = frozenset(("feature-extraction", "sentence-similarity"))
_CLASSIFICATION = frozenset(("text-classification", "zero-shot-classification"))
_ENCODER_TASKS = _EMBEDDING | _CLASSIFICATION | {"token-classification", "fill-mask", "question-answering"}

# Full precision first: on the processors that we know, int8 is smaller but not faster (serving.md 1.3).
_ONNX_FILES = (
    "onnx/model.onnx",
    "model.onnx",
    "onnx/model_quantized.onnx",
    "onnx/model_int8.onnx",
    "onnx/model_uint8.onnx",
)
_ENCODER_NEEDS = ("config.json", "tokenizer.json")
_ENCODER_TAKES = ("tokenizer_config.json", "special_tokens_map.json", "modules.json", "1_Pooling/config.json")


@dataclass(frozen=True, slots=True)
class Choice:
    """`files` as in `Spec`."""

    engine: EngineName
    files: tuple[str, ...]


def choose(task: str | None, paths: Collection[str]) -> Choice:
    """Raises NotServed, with what would have to be there."""
    if task is None:
        raise NotServed("This model says no task: its card needs a pipeline_tag")
    if task not in _ENCODER_TASKS:
        raise NotServed(f"No engine of this hub serves the task {task}")
    weights = next((path for path in _ONNX_FILES if path in paths), None)
    if weights is None:
        raise NotServed(f"To be served, a model for {task} needs its weights as {_ONNX_FILES[0]}")
    missing = [path for path in _ENCODER_NEEDS if path not in paths]
    if missing:
        raise NotServed(f"To be served, this model needs {' and '.join(missing)} beside its weights")
    beside = [path for path in (*_ENCODER_NEEDS, *_ENCODER_TAKES) if path in paths]
    return Choice(EngineName.ONNX, (weights, *_external_data(weights, paths), *beside))


def served(task: str) -> frozenset[str]:
    """The tasks that may be asked of a model whose own is `task`."""
    for related in (_EMBEDDING, _CLASSIFICATION):
        if task in related:
            return related
    return frozenset((task,))


def _external_data(weights: str, paths: Collection[str]) -> list[str]:
    """Where ONNX puts tensors that are too many for one file: `model.onnx_data`, `model.onnx_data_1`, `model.onnx.data`."""
    return sorted(path for path in paths if path.startswith((f"{weights}_data", f"{weights}.data")))
