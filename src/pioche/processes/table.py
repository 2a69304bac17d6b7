"""Which processes a hub has. A new one is one more line."""

from collections.abc import Callable
from dataclasses import dataclass

from pioche.config import Config


@dataclass(frozen=True, slots=True)
class Process:
    """`run` returns when it was asked to end by SIGTERM and has ended its work; anything else is a crash."""

    name: str
    count: Callable[[Config], int]
    run: Callable[[Config], None]


# Each loads what is its own once it is a process; what all of them need, the supervisor has loaded before.


def _web(config: Config) -> None:
    from pioche.processes import web

    web.run(config)


def _jobs(config: Config) -> None:
    from pioche.processes import jobs

    jobs.run(config)


def _search(config: Config) -> None:
    # Not before: numpy begins threads when it is imported, and the supervisor that is forked must have one only.
    from pioche.processes import search

    search.run(config)


def _inference(config: Config) -> None:
    from pioche.processes import inference

    inference.run(config)


def _ssh(config: Config) -> None:
    from pioche.processes import ssh

    ssh.run(config)


def _grpc(config: Config) -> None:
    from pioche.processes import grpc

    grpc.run(config)


def _spaces(config: Config) -> None:
    from pioche.processes import spaces

    spaces.run(config)


PROCESSES = (
    Process("web", lambda config: config.worker_count, _web),
    Process("jobs", lambda _config: 1, _jobs),
    Process("ssh", lambda config: 1 if config.ssh_port else 0, _ssh),
    Process("search", lambda _config: 1, _search),
    Process("inference", lambda config: 1 if config.serves_models else 0, _inference),
    Process("spaces", lambda config: 1 if config.spaces_port else 0, _spaces),
    Process("grpc", lambda config: 1 if config.grpc_port else 0, _grpc),
)
