"""A request that a language model has been asked, understood."""

from collections.abc import Callable
from dataclasses import dataclass

from pioche.serving.engines import Listener


@dataclass(frozen=True, slots=True)
class LanguageWork:
    """`run` makes the answer; what streams is told to the listener instead."""

    run: Callable[[Listener], object]
    streams: bool = False
