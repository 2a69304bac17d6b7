"""Evaluation results: the files `.eval_results/*.yaml`, and the older `model-index` of a model's card."""

import re
from typing import Any

from pioche.errors import BadCard
from pioche.repos import cards

Json = dict[str, Any]

_RESULT = re.compile(r"\.eval_results/[^/]{1,200}\.ya?ml\Z")
_RESULTS_MAX = 100
_BYTES_MAX = 16 * 1024
ERROR = "error"


def is_result(path: str) -> bool:
    """Whether a file of this name holds results."""
    return path.startswith(".eval_results/") and _RESULT.match(path) is not None


def read(path: str, data: bytes) -> list[Json]:
    """The results of one file as the Hub sends them (`parse_eval_result_entries` of huggingface_hub reads them): an entry
    that is wrong is `{"filename", "error"}`."""
    name = path.rpartition("/")[2]
    if len(data) > _BYTES_MAX:
        return [{"filename": name, ERROR: f"a file of results may have at most {_BYTES_MAX} bytes"}]
    try:
        found = cards.load(data.decode("utf-8", "replace"))
    except BadCard as error:
        return [{"filename": name, ERROR: error.message}]
    items = found if isinstance(found, list) else [found]
    return [_checked(name, item) for item in items[:_RESULTS_MAX]]


def _checked(name: str, item: object) -> Json:
    wrong = _wrong(item)
    return {"filename": name, ERROR: wrong} if wrong else {"filename": name, "data": item}


def _wrong(item: object) -> str:
    """Why an entry cannot be shown; empty when it can."""
    if not isinstance(item, dict):
        return "each result must be a mapping"
    dataset = item.get("dataset")
    if not isinstance(dataset, dict) or not all(isinstance(dataset.get(key), str) for key in ("id", "task_id")):
        return '"dataset" must have the texts "id" and "task_id"'
    if isinstance(item.get("value"), dict | list | bool | None):
        return '"value" must be a number or a text'
    source = item.get("source")
    if source is not None and not (isinstance(source, dict) and isinstance(source.get("url"), str)):
        return '"source" must have a "url"'
    return ""


def of_card(card: Json) -> list[Json]:
    """`model-index` as plain rows: task, dataset, metric, value, verified, source. What is odd is left out."""
    return [
        row
        for model in _dicts(card.get("model-index"))
        for result in _dicts(model.get("results"))
        for row in _rows(result)
    ]


def _rows(result: Json) -> list[Json]:
    task, dataset, source = (_dict(result.get(name)) for name in ("task", "dataset", "source"))
    common = {
        "task": _text(task, "type"),
        "dataset": _text(dataset, "name") or _text(dataset, "type"),
        "dataset_id": _text(dataset, "type"),
        "config": _text(dataset, "config"),
        "split": _text(dataset, "split"),
        "source": _text(source, "url"),
        "source_name": _text(source, "name"),
    }
    return [
        {
            **common,
            "metric": _text(metric, "type"),
            "name": _text(metric, "name"),
            "value": metric.get("value"),
            "verified": isinstance(metric.get("verifyToken"), str),
        }
        for metric in _dicts(result.get("metrics"))
        if isinstance(metric.get("value"), int | float | str)
    ]


def _dicts(value: object) -> list[Json]:
    return [item for item in value[:_RESULTS_MAX] if isinstance(item, dict)] if isinstance(value, list) else []


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _text(values: Json, name: str) -> str:
    found = values.get(name)
    return found if isinstance(found, str) else ""
