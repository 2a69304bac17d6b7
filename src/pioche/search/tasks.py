"""The tasks and libraries that the ecosystem knows, by id.

`make assets` writes them all to `tasks.json` beside this file, from @huggingface/tasks. Without that file (a checkout in which
nothing was built) the short tables below serve: everything works, with fewer names.
"""

import functools
from importlib import resources
from typing import Any

import msgspec

FILE = "tasks.json"

_MODALITIES = {
    "nlp": """text-classification token-classification table-question-answering question-answering zero-shot-classification
        translation summarization feature-extraction text-generation fill-mask sentence-similarity text-ranking
        text2text-generation table-to-text multiple-choice text-retrieval""",
    "audio": """text-to-speech text-to-audio automatic-speech-recognition audio-to-audio audio-classification
        voice-activity-detection""",
    "cv": """depth-estimation image-classification object-detection image-segmentation text-to-image image-to-text
        image-to-image image-to-video unconditional-image-generation video-classification text-to-video
        zero-shot-image-classification mask-generation zero-shot-object-detection text-to-3d image-to-3d
        image-feature-extraction keypoint-detection video-to-video""",
    "multimodal": """audio-text-to-text image-text-to-text image-text-to-image image-text-to-video visual-question-answering
        document-question-answering video-text-to-text visual-document-retrieval any-to-any""",
    "tabular": "tabular-classification tabular-regression tabular-to-text time-series-forecasting",
    "rl": "reinforcement-learning robotics",
    "other": "graph-ml other",
}
_LIBRARIES = {
    "adapters": "Adapters", "allennlp": "allenNLP", "asteroid": "Asteroid", "bertopic": "BERTopic", "coreml": "Core ML",
    "diffusers": "Diffusers", "espnet": "ESPnet", "fairseq": "Fairseq", "fastai": "fastai", "fasttext": "fastText",
    "flair": "Flair", "gguf": "GGUF", "jax": "JAX", "joblib": "Joblib", "keras": "Keras", "keras-hub": "KerasHub",
    "llamafile": "llamafile", "ml-agents": "ml-agents", "mlx": "MLX", "nemo": "NeMo", "onnx": "ONNX",
    "open_clip": "OpenCLIP", "openvino": "OpenVINO", "paddlenlp": "PaddleNLP", "paddlepaddle": "PaddlePaddle", "peft": "PEFT",
    "pyannote-audio": "pyannote.audio", "pytorch": "PyTorch", "rust": "Rust", "safetensors": "Safetensors",
    "sample-factory": "sample-factory", "scikit-learn": "Scikit-learn", "sentence-transformers": "sentence-transformers",
    "setfit": "SetFit", "sklearn": "Scikit-learn", "spacy": "spaCy", "span-marker": "SpanMarker", "speechbrain": "speechbrain",
    "stable-baselines3": "Stable-Baselines3", "stanza": "Stanza", "tensorboard": "TensorBoard", "tf": "TensorFlow",
    "tf-keras": "TF-Keras", "timm": "timm", "transformers": "Transformers", "transformers.js": "Transformers.js",
    "unity-sentis": "unity-sentis", "vllm": "vLLM",
}  # fmt: skip


@functools.cache
def table() -> dict[str, Any]:
    """`{"tasks": {id: {"label", "modality", "datasets", "libraries", "summary" ...}}, "libraries": {id: {"label"}}}`.

    What stands in a task beside `label` and `modality` is as @huggingface/tasks has it, and may be missing.
    """
    file = resources.files("pioche.search").joinpath(FILE)
    libraries: dict[str, Any] = {name: {"label": label} for name, label in _LIBRARIES.items()}
    if file.is_file():
        found: dict[str, Any] = msgspec.json.decode(file.read_bytes())
        # Frameworks (pytorch, onnx ...) are libraries of the lists, and not of the package.
        return {**found, "libraries": {**libraries, **found["libraries"]}}
    tasks = {
        task: {"id": task, "label": task.replace("-", " ").capitalize(), "modality": modality}
        for modality, names in _MODALITIES.items()
        for task in names.split()
    }
    return {"tasks": tasks, "libraries": libraries}


def is_task(tag: str) -> bool:
    """Whether the tag is the id of a task."""
    return tag in table()["tasks"]


def is_library(tag: str) -> bool:
    """Whether the tag is the id of a library."""
    return tag in table()["libraries"]
