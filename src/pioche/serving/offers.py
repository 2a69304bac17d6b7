"""Which models this hub would answer for, from a task and the paths of files: for lists, which look at many."""

from collections.abc import Callable, Collection
from functools import cache

from pioche.config import Config
from pioche.errors import NotServed
from pioche.serving import choice, needs

Serves = Callable[[str, Collection[str]], bool]
"""Whether a model of this task with files at these paths can be asked."""


def of(config: Config) -> Serves | None:
    """None where no model is served. Which engines there are is looked up once."""
    return _serves if config.inference_socket else None


def _serves(task: str, paths: Collection[str]) -> bool:
    try:
        engine = choice.choose(task, paths).engine
    except NotServed:
        return False
    return not _missing(engine)


_missing = cache(needs.missing)
