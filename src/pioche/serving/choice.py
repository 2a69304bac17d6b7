"""Which engine serves a model, from its files and its task (serving.md 5.1)."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from pioche.errors import NotServed
from pioche.serving import layouts
from pioche.serving.spec import EngineName

_EMBEDDING = frozenset(("feature-extraction", "sentence-similarity"))
_CLASSIFICATION = frozenset(("text-classification", "zero-shot-classification"))
_GENERATION = frozenset(("text-generation", "chat", "completion"))
_RANKING = frozenset(("text-ranking", "rerank"))
_LOOKING = frozenset(("image-text-to-text", "any-to-any", "chat"))
_SPEECH = "automatic-speech-recognition"
_WHISPER_NEEDS = ("model.bin", "config.json", "tokenizer.json")
_WHISPER_TAKES = ("vocabulary.json", "vocabulary.txt", "preprocessor_config.json")
_GGUF_TASKS = _EMBEDDING | {"text-generation", "text-ranking"}
_PIPELINE_TASKS = frozenset((
    "image-classification", "zero-shot-image-classification", "object-detection", "zero-shot-object-detection",
    "image-segmentation", "depth-estimation", "image-feature-extraction", "image-to-text", "visual-question-answering",
    "document-question-answering", "audio-classification", "zero-shot-audio-classification", "text-to-speech",
    "text-to-audio", "video-classification", "translation", "summarization", "text2text-generation", "table-question-answering",
    "mask-generation", "keypoint-matching", "decision",
))  # fmt: skip
_ENCODER_TASKS = _EMBEDDING | _CLASSIFICATION | {"token-classification", "fill-mask", "question-answering"}

# Full precision first: on the processors that we know, int8 is smaller but not faster (serving.md 1.3).
_ONNX_FILES = (
    "onnx/model.onnx",
    "model.onnx",
    "onnx/model_quantized.onnx",
    "onnx/model_int8.onnx",
    "onnx/model_uint8.onnx",
)
_SAFETENSORS = "model.safetensors"
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors\Z")
_PIPELINE_TAKES = re.compile(r"[^/]+\.(?:json|txt|model|jinja)\Z")
"""What stands beside the weights at the top of a repo: configurations, vocabularies, templates."""
_ENCODER_NEEDS = ("config.json", "tokenizer.json")
_ENCODER_TAKES = ("tokenizer_config.json", "special_tokens_map.json", "modules.json", "1_Pooling/config.json")

# Of several quantisations: the usual trade between size and quality first, then what is nearest to it, then what is large.
_QUANTISATIONS = (
    "Q4_K_M",
    "Q4_K_S",
    "Q4_0",
    "Q4",
    "Q5_K_M",
    "Q5",
    "Q6_K",
    "Q8_0",
    "Q3",
    "Q2",
    "IQ",
    "BF16",
    "F16",
    "F32",
)
_HANDLER = "handler.py"
_PYTHON = ".py"
_PICKLE = "pytorch_model.bin"
_PICKLED_SHARD = re.compile(r"pytorch_model-\d{5}-of-\d{5}\.bin\Z")
_NOT_MODELS = ("mmproj", "imatrix", "lora")
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf\Z")


@dataclass(frozen=True, slots=True)
class Choice:
    """`files`, `code` and `whole` as in `Spec`."""

    engine: EngineName
    files: tuple[str, ...]
    code: bool = False
    whole: bool = False


def choose(task: str | None, paths: Collection[str], *, code: bool = False) -> Choice:
    """`code`: what came with the model may run. Raises NotServed, with what would have to be there."""
    if code and _HANDLER in paths:
        return Choice(EngineName.HANDLER, (_HANDLER,), code=True, whole=True)
    if task is None:
        raise NotServed("This model says no task: its card needs a pipeline_tag")
    weights = next((path for path in _ONNX_FILES if path in paths), None) if task in _ENCODER_TASKS else None
    if weights is None and task in _GGUF_TASKS and (files := _gguf(paths)):
        return Choice(EngineName.LLAMA, files)
    if task in layouts.TASKS:
        return _pictures(task, paths)
    if task in (_GGUF_TASKS | _LOOKING) - _ENCODER_TASKS:
        return _language(task, paths, code=code)
    if task in _PIPELINE_TASKS or (task == _SPEECH and _WHISPER_NEEDS[0] not in paths):
        return _pipeline(task, paths, code=code)
    if task == _SPEECH:
        return _whisper(paths)
    if task not in _ENCODER_TASKS:
        raise NotServed(f"No engine of this hub serves the task {task}")
    return _encoder(task, weights, paths, code=code)


def code_in(paths: Collection[str]) -> str:
    """The file of a model that would run as code where that is allowed; empty where there is none."""
    if _HANDLER in paths:
        return _HANDLER
    python = min((path for path in paths if path.endswith(_PYTHON)), default="")
    has_data = any(path.endswith((".safetensors", ".onnx", ".gguf")) for path in paths)
    return python or ("" if has_data else next((path for path in sorted(paths) if _is_pickle(path)), ""))


def reads(task: str) -> bool:
    """Whether it is for encoders: a text goes through the network once."""
    return task in _ENCODER_TASKS


def served(task: str) -> frozenset[str]:
    """The tasks that may be asked of a model whose own is `task`."""
    for related in (_EMBEDDING, _CLASSIFICATION, _GENERATION, _RANKING, _LOOKING):
        if task in related:
            return related
    return frozenset((task,))


def _encoder(task: str, weights: str | None, paths: Collection[str], *, code: bool) -> Choice:
    """`weights` in ONNX, if there are any."""
    if weights:
        engine, files = EngineName.ONNX, (weights, *_external_data(weights, paths))
    else:
        engine, files = EngineName.TRANSFORMERS, _weights(paths, code=code)
    if not files:
        raise NotServed(f"To be served, a model for {task} needs its weights as {_ONNX_FILES[0]} or {_SAFETENSORS}")
    missing = [path for path in _ENCODER_NEEDS if path not in paths]
    if missing:
        raise NotServed(f"To be served, this model needs {' and '.join(missing)} beside its weights")
    beside = [path for path in (*_ENCODER_NEEDS, *_ENCODER_TAKES) if path in paths]
    own = _own_code(paths, files) if code and engine is EngineName.TRANSFORMERS else None
    return Choice(engine, (*files, *beside, *(own or ())), code=own is not None)


def _whisper(paths: Collection[str]) -> Choice:
    """CTranslate2's format: its `model.bin` is no pickle."""
    missing = [path for path in _WHISPER_NEEDS if path not in paths]
    if missing:
        raise NotServed(f"To be served, a model for {_SPEECH} needs {' and '.join(missing)}, as CTranslate2 has them")
    return Choice(EngineName.WHISPER, (*_WHISPER_NEEDS, *(path for path in _WHISPER_TAKES if path in paths)))


def _language(task: str, paths: Collection[str], *, code: bool) -> Choice:
    if task in _RANKING:
        raise NotServed(f"To be served, a model for {task} needs its weights as a GGUF file")
    otherwise = ", or a GGUF file" if task in _GGUF_TASKS else ""
    return _pipeline(task, paths, EngineName.TRANSFORMERS, otherwise, code=code)


def _pipeline(
    task: str,
    paths: Collection[str],
    engine: EngineName = EngineName.PIPELINES,
    otherwise: str = "",
    *,
    code: bool,
) -> Choice:
    weights = _weights(paths, code=code)
    if not weights or "config.json" not in paths:
        beside = f", or {' and '.join(_WHISPER_NEEDS)} as CTranslate2 has them" if task == _SPEECH else ""
        raise NotServed(f"To be served, a model for {task} needs {_SAFETENSORS} and config.json{beside}{otherwise}")
    beside_them = sorted(path for path in paths if _PIPELINE_TAKES.match(path) and path not in weights)
    own = _own_code(paths, weights) if code else None
    return Choice(engine, (*weights, *beside_them, *(own or ())), code=own is not None)


def _pictures(task: str, paths: Collection[str]) -> Choice:
    files = layouts.diffusers(paths)
    if not files:
        raise NotServed(
            f"To be served, a model for {task} needs {layouts.INDEX} and safetensors, as diffusers has them"
        )
    return Choice(EngineName.DIFFUSERS, files)


def _weights(paths: Collection[str], *, code: bool) -> tuple[str, ...]:
    """In safetensors; where there are none and code may run, in a pickle. Empty when there are none."""
    return _whole_or_in_shards(paths, _SAFETENSORS, _SHARD) or (
        _whole_or_in_shards(paths, _PICKLE, _PICKLED_SHARD) if code else ()
    )


def _whole_or_in_shards(paths: Collection[str], whole: str, shard: re.Pattern[str]) -> tuple[str, ...]:
    index = f"{whole}.index.json"
    if whole in paths:
        return (whole,)
    shards = sorted(path for path in paths if shard.match(path)) if index in paths else []
    return (*shards, index) if shards else ()


def _own_code(paths: Collection[str], weights: Collection[str]) -> tuple[str, ...] | None:
    """The files of Python beside the weights. None where loading these runs nothing of the repo's."""
    found = tuple(sorted(path for path in paths if path.endswith(_PYTHON)))
    return found if found or any(_is_pickle(path) for path in weights) else None


def _is_pickle(path: str) -> bool:
    return path == _PICKLE or _PICKLED_SHARD.match(path) is not None


def _gguf(paths: Collection[str]) -> tuple[str, ...]:
    """The best file of weights, with all of its parts, of which the first is what is opened. Empty when there is none."""
    found = [
        path
        for path in paths
        if path.endswith(".gguf")
        and not any(word in path.lower() for word in _NOT_MODELS)
        and ((part := _PART.search(path)) is None or int(part[1]) == 1)
    ]
    for best in sorted(found, key=lambda path: (_rank(path), path)):
        if set(parts := _parts(best)) <= set(paths):
            return parts
    return ()


def _rank(path: str) -> int:
    name = path.upper()
    return next((place for place, word in enumerate(_QUANTISATIONS) if word in name), len(_QUANTISATIONS))


def _parts(first: str) -> tuple[str, ...]:
    part = _PART.search(first)
    if part is None:
        return (first,)
    return tuple(f"{first[: part.start()]}-{number:05}-of-{part[2]}.gguf" for number in range(1, int(part[2]) + 1))


def _external_data(weights: str, paths: Collection[str]) -> list[str]:
    """Where ONNX puts tensors that are too many for one file: `model.onnx_data`, `model.onnx_data_1`, `model.onnx.data`."""
    return sorted(path for path in paths if path.startswith((f"{weights}_data", f"{weights}.data")))
