"""What is measured without HTTP: functions of the core in this process, over a hub of their own."""

import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pioche import app, config
from pioche.accounts.callers import Caller
from pioche.http.hub import Hub
from pioche.names import RepoType, parse_path
from pioche.repos import commits, listing, revisions
from pioche.repos.access import Repo
from pioche.repos.catalog import NewRepo

_REPEATS = 20
_ENTRIES = 1000


@dataclass(frozen=True)
class Cost:
    """`goal_ms` is at most."""

    name: str
    cpu_ms: float
    goal_ms: float

    @property
    def verdict(self) -> str:
        reached = "" if self.cpu_ms <= self.goal_ms else "not "
        return f"{self.cpu_ms:.2f} ms (goal {self.goal_ms:g} {reached}reached)"


def measure(data_dir: Path) -> list[Cost]:
    settings = config.load({"data_dir": data_dir}, environ={})
    app.prepare(settings)
    hub = app.build_hub(settings)
    try:
        account = hub.directory.create_user("bench")
        return _measure(hub, Caller(account.id, account.name, may_write=True, is_admin=False))
    finally:
        hub.database.close()


def _measure(hub: Hub, caller: Caller) -> list[Cost]:
    def create(number: int) -> Repo:
        new = NewRepo(type=RepoType.MODEL, namespace=caller.name, name=f"repo-{number}")
        return hub.catalog.create(caller, new)

    def commit(repo: Repo, count: int) -> Callable[[int], object]:
        def run(number: int) -> object:
            paths = (parse_path(f"f/{number}/{at}.txt") for at in range(count))
            added = [commits.AddFile(path, f"{number} {path}".encode()) for path in paths]
            return commits.create(repo, caller, "main", commits.Plan("bench", operations=added))

        return run

    created = _cpu_ms(create)
    wide = create(_REPEATS)
    commit(wide, _ENTRIES)(0)
    revision = asyncio.run(revisions.resolve(wide, "main"))

    def tree(_number: int) -> object:
        page = listing.folder(wide, revision, "f/0", limit=_ENTRIES)
        return listing.with_last_commits(wide, revision, page.entries)

    return [
        Cost("create a repo", created, 2),
        Cost("commit 1 file", _cpu_ms(commit(create(_REPEATS + 1), 1)), 2),
        Cost("commit 100 files", _cpu_ms(commit(create(_REPEATS + 2), 100)), 10),
        Cost("list 1,000 entries with their last commits", _cpu_ms(tree), 2),
    ]


def _cpu_ms(run: Callable[[int], object]) -> float:
    took = list[float]()
    for number in range(_REPEATS):
        began = time.process_time()
        run(number)
        took.append((time.process_time() - began) * 1e3)
    return statistics.median(took)
