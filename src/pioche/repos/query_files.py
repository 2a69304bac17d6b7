"""Which files of a model count as a download of it: the file that every program of a library asks for, once a model.

The rule is the public Hub's ("Models download stats"): whoever loads a model asks for many files and for one of these.
"""

import re
from functools import lru_cache

ALWAYS = ("*.gguf",)
"""Each file of this form is a model of its own."""

DEFAULT = ("config.json", "config.yaml", "hyperparams.yaml", "params.json", "meta.yaml")
"""Of libraries that are not in the table, and of models of no known library."""

# A name is a path in the repo, `*.x` any file with that ending, in whatever folder.
OF_LIBRARY: dict[str, tuple[str, ...]] = {
    "adapter-transformers": ("adapter_config.json",),
    "allennlp": ("model.tar.gz",),
    "asteroid": ("pytorch_model.bin",),
    "diffusers": ("model_index.json", "config.json", "pytorch_lora_weights.safetensors", "pytorch_lora_weights.bin"),
    "fasttext": ("*.bin",),
    "fastai": ("model.pkl",),
    "flair": ("pytorch_model.bin",),
    "gguf": (),
    "gliner": ("gliner_config.json",),
    "keras": ("config.json", "*.keras"),
    "llamafile": ("*.llamafile",),
    "ml-agents": ("*.onnx",),
    "nemo": ("*.nemo", "model_config.yaml"),
    "open_clip": ("open_clip_config.json", "open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    "peft": ("adapter_config.json",),
    "pyannote-audio": ("config.yaml", "pytorch_model.bin"),
    "sample-factory": ("cfg.json",),
    "scikit-learn": ("sklearn_model.joblib", "*.skops", "*.pkl"),
    "sklearn": ("sklearn_model.joblib", "*.skops", "*.pkl"),
    "spacy": ("*.whl",),
    "speechbrain": ("hyperparams.yaml",),
    "stable-baselines3": ("*.zip",),
    "stanza": ("models/default.zip",),
    "tf-keras": ("saved_model.pb", "config.json"),
    "timm": ("config.json", "pytorch_model.bin", "model.safetensors"),
    "unity-sentis": ("*.sentis",),
}


def of_library(library: str | None) -> tuple[str, ...]:
    """The patterns of a model's library; None is one that is not known."""
    return (*OF_LIBRARY.get((library or "").lower(), DEFAULT), *ALWAYS)


@lru_cache(maxsize=4096)
def counts(path: str, library: str | None) -> bool:
    """Whether a request for the file is a download of a model of that library."""
    return any(_fits(path, pattern) for pattern in of_library(library))


@lru_cache(maxsize=8192)
def may_count(path: str) -> bool:
    """Whether it is a download of a model of some library."""
    return _SOME.fullmatch(path) is not None


def _fits(path: str, pattern: str) -> bool:
    return path.lower().endswith(pattern[1:]) if pattern.startswith("*") else path == pattern


def _some() -> "re.Pattern[str]":
    patterns = {pattern for several in (DEFAULT, ALWAYS, *OF_LIBRARY.values()) for pattern in several}
    endings = "|".join(re.escape(pattern[1:]) for pattern in sorted(patterns) if pattern.startswith("*"))
    names = "|".join(re.escape(pattern) for pattern in sorted(patterns) if not pattern.startswith("*"))
    return re.compile(f"(?s:{names}|.*(?i:{endings}))")


_SOME = _some()
