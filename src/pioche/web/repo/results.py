"""Evaluation results in a shape for pages, from both places that cards have had for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pioche.repos.overviews import Json, Overview


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`badge` is verified, community, leaderboard or empty (self-reported). `dataset_id` may name no repo at all."""

    dataset: str
    dataset_id: str
    task: str
    metric: str
    value: str
    number: float | None
    source: str
    source_name: str
    badge: str


def of(overview: Overview) -> list[Result]:
    """By dataset, in the order of the card."""
    found = [*_of_files(overview), *_of_card(overview)]
    order = list(dict.fromkeys(result.dataset for result in found))
    return sorted(found, key=lambda result: order.index(result.dataset))


def _of_card(overview: Overview) -> Iterator[Result]:
    rows = overview.details.get("results")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            yield _result(
                dataset=_text(row, "dataset"),
                dataset_id=_text(row, "dataset_id"),
                task=_text(row, "task"),
                metric=_text(row, "name") or _text(row, "metric"),
                value=row.get("value"),
                source=_text(row, "source"),
                source_name=_text(row, "source_name"),
                badge="verified" if row.get("verified") is True else "",
            )


def _of_files(overview: Overview) -> Iterator[Result]:
    rows = overview.details.get("evalResults")
    for row in rows if isinstance(rows, list) else []:
        data = row.get("data") if isinstance(row, dict) else None
        if isinstance(data, dict):
            dataset, source = _dict(data, "dataset"), _dict(data, "source")
            yield _result(
                dataset=_text(dataset, "id"),
                dataset_id=_text(dataset, "id"),
                task="",
                metric=_text(dataset, "task_id"),
                value=data.get("value"),
                source=_text(source, "url"),
                source_name=_text(source, "name"),
                badge="verified" if data.get("verifyToken") else "community" if source.get("user") else "",
            )


def _result(*, value: Any, source: str, **rest: str) -> Result:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    shown = f"{value:.4g}" if isinstance(value, float) else str(value)[:60]
    return Result(
        value=shown, number=number, source=source if source.startswith(("https://", "http://")) else "", **rest
    )


def _dict(values: Json, name: str) -> Json:
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _text(values: Json, name: str) -> str:
    found = values.get(name)
    return found[:200] if isinstance(found, str) else ""
