"""Bars for long work, on standard error: standard output holds what was found, and nothing else."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Display

from pioche.upkeep.progress import SILENT, Progress


class Bars:
    """A bar for each piece of work; those that are done stay."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._task: TaskID | None = None

    def begin(self, title: str, total: int | None = None) -> None:
        self._end()
        self._task = self._display.add_task(title, total=total)

    def advance(self, count: int = 1) -> None:
        if self._task is not None:
            self._display.advance(self._task, count)

    def _end(self) -> None:
        if self._task is not None:
            task = next(task for task in self._display.tasks if task.id == self._task)
            self._display.update(self._task, total=task.completed, refresh=True)


@contextmanager
def bars() -> Iterator[Progress]:
    """Silent when nobody looks: standard error is not a terminal."""
    if not sys.stderr.isatty():
        yield SILENT
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Display(*columns, console=Console(stderr=True)) as display:
        yield Bars(display)
