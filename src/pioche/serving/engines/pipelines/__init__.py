"""Everything that transformers does beside encoders of texts: pictures, videos, sound, texts out of texts, tables.

One request at a time. What a task takes and gives stands in `seeing`, `marking`, `watching`, `hearing`, `writing`, `tables` and
`deciding`; how weights are opened in `opening`. Nothing of the repo runs, no code of it and no pickle, unless an owner allowed it
(`own_code`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.engines import Listener, own_code
from pioche.serving.engines.pipelines import deciding, hearing, marking, seeing, tables, watching, writing
from pioche.serving.engines.pipelines.opening import RAISED
from pioche.serving.spec import Ask, Spec

Job = Callable[[Listener], object]
Task = Callable[[Ask], Job]
"""What understands a request. Raises InvalidInput."""

_OPENED: Mapping[str, Callable[[str, Path], Mapping[str, Task]]] = {
    **dict.fromkeys(seeing.TASKS, seeing.open_tasks),
    **dict.fromkeys(hearing.TASKS, hearing.open_tasks),
    **dict.fromkeys(watching.TASKS, watching.open_tasks),
    **dict.fromkeys(writing.TASKS, writing.open_tasks),
    **dict.fromkeys(tables.TASKS, tables.open_tasks),
    **dict.fromkeys(marking.TASKS, marking.open_tasks),
    deciding.TASK: deciding.open_tasks,
}


@dataclass(frozen=True, slots=True)
class Work:
    """A request that was understood."""

    job: Job
    streams: bool = False


def load(spec: Spec, folder: Path) -> "Pipelines":
    torch.set_num_threads(spec.threads)
    own_code.allow_for(spec)
    saying: Any = transformers.utils.logging
    saying.disable_progress_bar()
    return Pipelines(_OPENED[spec.task](spec.task, folder))


class Pipelines:
    """An engine (`pioche.serving.engines.ParallelEngine`)."""

    lanes = 1

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        self._tasks = tasks

    def prepare(self, ask: Ask) -> Work:
        task = self._tasks.get(ask.task)
        if task is None:
            raise InvalidInput("task", f"{ask.task} is not one of {', '.join(self._tasks)}")
        return Work(task(ask))

    def answer(self, work: Work, listener: Listener) -> object:
        try:
            with torch.inference_mode():
                return work.job(listener)
        except RAISED as error:
            raise EngineFailed(f"The model failed: {' '.join(str(error).split())}") from None

    def close(self) -> None:
        self._tasks = {}
