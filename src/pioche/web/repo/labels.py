"""What ids of the ecosystem are called on pages: tasks, licences, languages, libraries. An unknown id is its own name."""

from typing import Final

from pioche.i18n import formats
from pioche.i18n.texts import gettext
from pioche.i18n.texts import lazy as _
from pioche.web import vocabulary

_LIBRARIES: Final = {
    "datasets": "Datasets",
    "pandas": "pandas",
    "polars": "Polars",
    "dask": "Dask",
    "duckdb": "DuckDB",
    "webdataset": "WebDataset",
    "mlcroissant": "Croissant",
    "croissant": "Croissant",
}
"""Of datasets; those of models are in the vocabulary."""

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


def task(id_: str) -> str:
    return vocabulary.task(id_)


def licence(id_: str) -> str:
    return vocabulary.license_name(id_)


def library(id_: str) -> str:
    return _LIBRARIES.get(id_) or vocabulary.library(id_)


def language(code: str) -> str:
    return formats.language_name(code.replace("_", "-").partition("-")[0]) or code


def criterion(id_: str) -> str:
    """What a card lacks, in words (`repos.facts.completeness`)."""
    return gettext(CRITERIA.get(id_, id_))
