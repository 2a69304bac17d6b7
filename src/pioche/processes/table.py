"""Which processes a hub has. A new one (a controller of inference) is one more line."""

from collections.abc import Callable
from dataclasses import dataclass

from pioche.config import Config
from pioche.processes import jobs, search, web


@dataclass(frozen=True, slots=True)
class Process:
    """`run` returns when it was asked to end by SIGTERM and has ended its work; anything else is a crash."""

    name: str
    count: Callable[[Config], int]
    run: Callable[[Config], None]


PROCESSES = (
    Process("web", lambda config: config.worker_count, web.run),
    Process("jobs", lambda _config: 1, jobs.run),
    Process("search", lambda _config: 1, search.run),
)
