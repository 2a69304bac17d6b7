"""An index in a process of its own, for `benchmarks.search`: prints its figures as one line of JSON.

python -m benchmarks.search_alone DATA_DIR
"""

import asyncio
import gc
import json
import random
import statistics
import string
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from benchmarks import vocabulary as words
from pioche import config
from pioche.accounts.callers import Caller
from pioche.db.engine import Database
from pioche.git.store import GitStore
from pioche.names import RepoType
from pioche.search import rows
from pioche.search.following import Follower
from pioche.search.index import Index
from pioche.search.plain import Scope
from pioche.search.query import Query, Sort
from pioche.search.reading import Reader
from pioche.search.remote import IndexSearch
from pioche.search.service import Service
from pioche.search.sql import SqlSearch

MODEL = RepoType.MODEL


def main(data_dir: str) -> None:
    gc.disable()
    settings = config.load({"data_dir": data_dir})
    database = Database(settings)
    before, began, cpu = _mib(), time.perf_counter(), time.process_time()
    follower = Follower(database)
    index = follower.build()
    found = {"build_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu, "mib": _mib() - before}
    rng = random.Random(2)
    found["find_ms"] = statistics.median(_ms(lambda: index.find(Scope(), question(rng))) for _ in range(200))
    found |= _short(index, rng)
    found["update_ms"] = _update(database, index, rng)
    print(json.dumps({**found, **_facets(database, index, follower, rng)}), flush=True)


def question(rng: random.Random) -> Query:
    tags = ((rng.choice(words.LIBRARIES[:8]),), (rng.choice(words.LANGUAGES[:8]),))
    return Query(
        type=MODEL, tags=tags[: rng.randrange(1, 3)], sort=rng.choice((Sort.DOWNLOADS, Sort.LIKES, Sort.MODIFIED))
    )


def _short(index: Index, rng: random.Random) -> dict[str, float]:
    """Words of one and two letters, the first time that each is asked for."""
    letters = string.ascii_lowercase + string.digits
    asked = [*rng.sample(letters, 12), *("".join(rng.choices(letters[:26], k=2)) for _ in range(24))]
    waits = sorted(_ms(partial(index.find, Scope(), Query(type=MODEL, words=(word,)))) for word in dict.fromkeys(asked))
    return {"short_ms": statistics.median(waits), "short_ms_max": waits[-1]}


def _update(database: Database, index: Index, rng: random.Random) -> float:
    """The median of changes that rename a repo and give it a new tag."""
    some = rows.of(database, rng.sample(range(1, len(index)), min(200, len(index) - 1)))
    changed = [
        msgspec.structs.replace(
            row, tags=row.tags | {f"new-{row.id}"}, full_name=f"{row.full_name}-x", likes=row.likes + 1
        )
        for row in some
    ]
    return statistics.median(_ms(partial(index.replace, row.id, row)) for row in changed)


def _facets(database: Database, index: Index, follower: Follower, rng: random.Random) -> dict[str, float]:
    """Asked over the socket of a service that has this index."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(database, Path(folder) / "s", Reader(database, GitStore(Path(folder)), Path(folder)))
        loop = asyncio.new_event_loop()
        task = loop.create_task(service.answer_with(index, follower))
        thread = threading.Thread(target=lambda: loop.run_until_complete(task), daemon=True)
        thread.start()
        while not (Path(folder) / "s").exists():
            time.sleep(0.01)
        asked = IndexSearch(database, Path(folder) / "s", SqlSearch(database))
        nobody, cold, again = Caller.nobody(), list[float](), list[float]()
        for number in range(40):
            query = Query(type=MODEL) if number == 0 else question(rng)
            each = 50 + number  # no two questions are the same
            ask = partial(asked.facets, nobody, query, each=each)
            cold.append(_ms(ask))
            again.append(_ms(ask))
        cold.sort()
        return {"facets_ms": cold[20], "facets_ms_max": cold[-1], "facets_again_ms": statistics.median(again)}


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


if __name__ == "__main__":
    main(sys.argv[1])
