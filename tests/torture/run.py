"""One run: a hub, its clients, whoever kills it, the checker, the figures."""

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.databases import Postgres
from tests.torture import checker
from tests.torture.api import Api
from tests.torture.clients import SHARED, Client
from tests.torture.collecting import Collector
from tests.torture.history import History
from tests.torture.owner import ORG
from tests.torture.victim import WAYS, Victim

_DRAIN_S = 240
_FSCK_S_MAX = 1800  # every byte of an object store, on a machine that does other things too
_PART_BYTES = "131072"  # so that a file of more than a mebibyte goes in parts: they are no smaller


@dataclass(frozen=True)
class Run:
    """What to do: for `seconds` under `clients`, with a kill every `pause` seconds or so. `seed` makes all choices."""

    seconds: float
    seed: int
    clients: int = 16
    pause: float = 2.0
    kills_min: int = 0
    database: str = "sqlite"
    collects: bool = True
    """`pioche gc --now` runs again and again beside the load, and is killed half of the time (A5)."""
    settings: dict[str, str] = field(default_factory=dict)
    """More settings of the hub, by their names without prefix: where it keeps its bytes, for instance."""


@dataclass
class Figures:
    """What came of it. `losses` are sentences."""

    kills: Counter[str] = field(default_factory=Counter)
    restart_s: list[float] = field(default_factory=list)
    acknowledged: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    losses: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run(wanted: Run, folder: Path, *, say: bool = False) -> Figures:
    """Runs it in `folder`, which holds the hub's data and, when something was lost, the history, afterwards."""
    figures, history = Figures(), History()
    began = time.monotonic()
    with _settings(wanted, folder) as settings:
        victim = Victim(folder, settings)
        accounts = list(victim.accounts({f"user-{number}": number == 0 for number in range(4)}, ORG).values())
        with victim:
            first = Api(victim, accounts[0], history)
            for name in SHARED:
                first.create_repo(name)
            first.close()
            clients = [
                Client(number, victim, accounts[number % len(accounts)], history, wanted.seed, folder / "clones")
                for number in range(wanted.clients)
            ]
            for client in clients:
                client.thread.start()
            collector = Collector(victim, history, random.Random(f"{wanted.seed}-gc"))
            if wanted.collects:
                collector.thread.start()
            try:
                _strike(wanted, victim, figures, say=say)
            finally:
                figures.losses += _finish(clients)
                collector.stop()
        owned = [client.owner.own for client in clients if client.owner.own is not None]
        figures.losses += checker.check(victim.config, history, owned)
        figures.losses += _server_faults(victim)
        figures.losses += _fsck(victim)
    figures.acknowledged, figures.results = history.acknowledged(), history.counts()
    figures.seconds = time.monotonic() - began
    if figures.losses:
        history.dump(folder / "history.jsonl")
    return figures


def _strike(wanted: Run, victim: Victim, figures: Figures, *, say: bool) -> None:
    """Kills and restarts until the time is over."""
    chance = random.Random(wanted.seed)
    deadline = time.monotonic() + wanted.seconds
    while time.monotonic() < deadline or figures.kills.total() < wanted.kills_min:
        time.sleep(chance.uniform(0.2, 2 * wanted.pause - 0.2))
        way = chance.choice(WAYS)
        took = victim.strike(way, chance)
        figures.kills[way] += 1
        if way not in ("web", "jobs"):
            figures.restart_s.append(took)
        if say:
            left = max(0.0, deadline - time.monotonic())
            print(f"\r{figures.kills.total()} kills, {left:.0f} s to go   ", end="", file=sys.stderr, flush=True)


def _finish(clients: list[Client]) -> Iterator[str]:
    """Lets every client end what it is doing, with the hub up."""
    for client in clients:
        client.stop()
    deadline = time.monotonic() + _DRAIN_S
    for client in clients:
        client.thread.join(max(0.0, deadline - time.monotonic()))
        if client.thread.is_alive():
            yield f"client {client.number} hangs"
        if client.failure is not None:
            yield f"client {client.number} failed: {client.failure!r}"


def _fsck(victim: Victim) -> Iterator[str]:
    """The hub's own check of everything, all bytes read."""
    done = victim.command("fsck", "--deep", "--json", seconds=_FSCK_S_MAX)
    if done.returncode:
        yield f"pioche fsck ended with {done.returncode}: {done.stdout[:3000]} {done.stderr[-500:]}"


def _server_faults(victim: Victim) -> Iterator[str]:
    """A kill is no reason for an error of our own."""
    for line in victim.output().splitlines():
        if "Traceback" in line or '"internal error"' in line:
            yield f"the hub logged: {line[:500]}"


@contextmanager
def _settings(wanted: Run, folder: Path) -> Iterator[dict[str, str]]:
    """The hub's settings, with a database of its own where that is PostgreSQL."""
    settings = {"LFS_PART_BYTES": _PART_BYTES, **wanted.settings}
    if wanted.database == "sqlite":
        yield settings
    elif wanted.database != "postgresql":
        yield {**settings, "DATABASE_URL": wanted.database}
    else:
        server = Postgres()
        try:
            with server.config(folder / "data") as config:
                yield {**settings, "DATABASE_URL": config.database_url}
        finally:
            server.stop()
