"""What ids of the ecosystem are called on pages: tasks, licences, languages, libraries. An unknown id is its own name."""

from typing import Final

from pioche.i18n import formats
from pioche.i18n.texts import gettext
from pioche.i18n.texts import lazy as _

_LICENCES: Final = {
    "apache-2.0": "Apache 2.0", "mit": "MIT", "openrail": "OpenRAIL", "openrail++": "OpenRAIL++",
    "bigscience-openrail-m": "BigScience OpenRAIL-M", "creativeml-openrail-m": "CreativeML OpenRAIL-M",
    "bigcode-openrail-m": "BigCode OpenRAIL-M", "afl-3.0": "AFL 3.0", "agpl-3.0": "AGPL 3.0", "artistic-2.0": "Artistic 2.0",
    "bsl-1.0": "Boost 1.0", "bsd": "BSD", "bsd-2-clause": "BSD 2-Clause", "bsd-3-clause": "BSD 3-Clause", "cc": "Creative Commons",
    "cc0-1.0": "CC0 1.0", "cc-by-2.0": "CC BY 2.0", "cc-by-3.0": "CC BY 3.0", "cc-by-4.0": "CC BY 4.0",
    "cc-by-sa-3.0": "CC BY-SA 3.0", "cc-by-sa-4.0": "CC BY-SA 4.0", "cc-by-nc-2.0": "CC BY-NC 2.0",
    "cc-by-nc-4.0": "CC BY-NC 4.0", "cc-by-nd-4.0": "CC BY-ND 4.0", "cc-by-nc-nd-4.0": "CC BY-NC-ND 4.0",
    "cc-by-nc-sa-4.0": "CC BY-NC-SA 4.0", "cdla-permissive-2.0": "CDLA Permissive 2.0", "etalab-2.0": "Etalab 2.0",
    "eupl-1.1": "EUPL 1.1", "eupl-1.2": "EUPL 1.2", "gpl": "GPL", "gpl-2.0": "GPL 2.0", "gpl-3.0": "GPL 3.0", "isc": "ISC",
    "lgpl": "LGPL", "lgpl-2.1": "LGPL 2.1", "lgpl-3.0": "LGPL 3.0", "llama2": "Llama 2", "llama3": "Llama 3",
    "llama3.1": "Llama 3.1", "llama3.2": "Llama 3.2", "llama3.3": "Llama 3.3", "llama4": "Llama 4", "gemma": "Gemma",
    "mpl-2.0": "MPL 2.0", "odbl": "ODbL", "odc-by": "ODC-By", "unlicense": "Unlicense", "wtfpl": "WTFPL", "zlib": "zlib",
}  # fmt: skip

_LIBRARIES: Final = {
    "transformers": "Transformers", "diffusers": "Diffusers", "sentence-transformers": "Sentence Transformers", "peft": "PEFT",
    "safetensors": "Safetensors", "gguf": "GGUF", "onnx": "ONNX", "pytorch": "PyTorch", "tf": "TensorFlow", "jax": "JAX",
    "keras": "Keras", "timm": "timm", "spacy": "spaCy", "sklearn": "scikit-learn", "scikit-learn": "scikit-learn",
    "transformers.js": "Transformers.js", "mlx": "MLX", "vllm": "vLLM", "openvino": "OpenVINO", "nemo": "NeMo",
    "datasets": "Datasets", "pandas": "pandas", "polars": "Polars", "dask": "Dask", "duckdb": "DuckDB",
    "webdataset": "WebDataset", "mlcroissant": "Croissant", "croissant": "Croissant",
}  # fmt: skip

CRITERIA: Final = {
    "description": _("A description of at least a few sentences"),
    "details": _("A longer description"),
    "license": _("A licence"),
    "task": _("The task"),
    "library": _("The library"),
    "language": _("The languages"),
    "usage": _("An example of use, in code"),
    "datasets": _("The datasets used for training"),
    "base-model": _("The model it was made from"),
    "evaluation": _("Evaluation results"),
    "limitations": _("Limitations and risks"),
    "training": _("How it was trained"),
    "safe-weights": _("Weights in a safe format (safetensors or GGUF)"),
    "title": _("A title"),
    "size": _("The size category"),
    "data": _("Data in a format that can be read"),
    "structure": _("Configurations and splits"),
    "origin": _("Where the data come from"),
    "summary": _("A short description"),
    "app": _("The application file"),
    "models": _("The models and datasets it uses"),
    "colours": _("The colours of its card"),
}

RELATIONS: Final = {
    "finetune": (_("Finetuned from"), _("Finetunes")),
    "adapter": (_("Adapter for"), _("Adapters")),
    "merge": (_("Merged from"), _("Merges")),
    "quantized": (_("Quantised from"), _("Quantisations")),
}
"""By relation: how a model says it of its base, and what the base calls those models."""


def task(id: str) -> str:
    return gettext(id.replace("-", " ").capitalize())


def licence(id: str) -> str:
    return gettext("Another licence") if id == "other" else _LICENCES.get(id, id)


def library(id: str) -> str:
    return _LIBRARIES.get(id, id)


def language(code: str) -> str:
    return formats.language_name(code.replace("_", "-").partition("-")[0]) or code


def criterion(id: str) -> str:
    return gettext(CRITERIA.get(id, id))
