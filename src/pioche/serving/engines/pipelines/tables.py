"""Questions that a table answers, in the shape of the task API (serving.md 2.2)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pioche.errors import InvalidInput
from pioche.serving.engines import Listener, inputs
from pioche.serving.engines.pipelines import opening
from pioche.serving.spec import Ask

Job = Callable[[Listener], object]
TASKS = ("table-question-answering",)
_CELLS_MAX = 10_000


class _Nothing(inputs.Parameters, frozen=True):
    padding: str | bool | None = None
    sequential: bool = False
    truncation: bool | str = False


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    table: dict[str, list[str]]
    query: str


def open_tasks(task: str, folder: Path) -> Mapping[str, Callable[[Ask], Job]]:
    """Raises EngineFailed."""
    pipe = opening.pipeline(task, folder, "AutoModelForTableQuestionAnswering", tokenizer="AutoTokenizer")
    return {task: lambda ask: _understand(pipe, ask)}


def _understand(pipe: Any, ask: Ask) -> Job:
    inputs.read_parameters(ask.parameters, _Nothing)
    asked = inputs.read(ask.inputs, _Asked, "inputs")
    lengths = {len(column) for column in asked.table.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise InvalidInput("inputs.table", "columns of the same length are needed, with at least one row")
    if len(asked.table) * lengths.pop() > _CELLS_MAX:
        raise InvalidInput("inputs.table", f"at most {_CELLS_MAX} cells")

    def run(_listener: Listener) -> object:
        found = pipe(table=asked.table, query=asked.query)
        cells = {name: found[name] for name in ("cells", "aggregator") if name in found}
        coordinates = [list(map(int, one)) for one in found.get("coordinates", ())]
        return {"answer": found["answer"], "coordinates": coordinates, **cells}

    return run
