"""The goals of search: a synthetic catalogue, asked over HTTP in an open loop, and its index built and asked alone."""

import argparse
import asyncio
import json
import random
import shutil
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import sqlalchemy as sa
from huggingface_hub import CommitOperationAdd

from benchmarks import catalog, pages
from benchmarks import vocabulary as words
from benchmarks.bench import Bench
from benchmarks.rows import Goal, Row
from pioche import config
from pioche.db import schema
from pioche.db.engine import Database
from pioche.search.reading import State

_RATE = 300
_CONNECTIONS = 16
_SECONDS = 12
_SATURATED_SECONDS = 4
_READY_SECONDS = 1200
_READ_SECONDS = 7200
_SMALL = 50_000


def search(bench: Bench) -> list[Row]:
    """All of it over one catalogue: of `--catalog` repos, or that of `--catalog-data`."""
    data_dir = bench.folder / "data"
    repos = _catalogue(bench, data_dir)
    name = f"search, {repos:,} repositories"
    alone = built(data_dir)
    rows = [_of_index(name, alone), _of_facets(name, alone)]
    wait_until_found(bench)
    wait_until_read(bench)
    rows.append(_of_requests(name, bench))
    rows.append(_of_commits(name, bench))
    pages.fill(bench)
    return [*rows, *pages.answers(name, bench, most_ms=50 if repos <= _SMALL else 100)]


def _catalogue(bench: Bench, data_dir: Path) -> int:
    given = bench.given.catalog_data
    if given is None:
        print(f"making a catalogue of {int(bench.given.catalog):,} repositories", flush=True)
        catalog.fill(config.load({"data_dir": data_dir}), int(bench.given.catalog), 1)
    else:
        shutil.copytree(given, data_dir)
    database = Database(config.load({"data_dir": data_dir}))
    try:
        with database.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(schema.repos)).scalar_one())
    finally:
        database.close()


def built(data_dir: Path) -> dict[str, float]:
    """Figures of an index in a process of its own (`benchmarks.search_alone`)."""
    command = [sys.executable, "-m", "benchmarks.search_alone", str(data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _of_index(name: str, alone: dict[str, float]) -> Row:
    seen = f"{alone['cpu_s']:.1f} s of processor time, {alone['find_ms']:.2f} ms a question, at first {alone['short_ms']:.1f} ms "
    seen += f"for a word of one or two letters, at most {alone['short_ms_max']:.0f}"
    goals = [
        Goal(alone["build_s"], 60, "s to build"),
        Goal(alone["mib"], 1024, "MiB"),
        Goal(alone["update_ms"], 1, "ms an update"),
    ]
    return Row(
        f"{name}: index", seen, goals, "it is read and put together by one thread: see the processor time beside it"
    )


def _of_facets(name: str, alone: dict[str, float]) -> Row:
    seen = f"asked over the socket; at worst {alone['facets_ms_max']:.1f} ms"
    return Row(
        f"{name}: facets",
        seen,
        [Goal(alone["facets_ms"], 20, "ms cold"), Goal(alone["facets_again_ms"], 1, "ms again")],
        "counts are exact: of up to an eighth of all repos, every tag is fetched and counted",
    )


def _of_requests(name: str, bench: Bench) -> Row:
    host, port = _address(bench)
    addresses = requests(random.Random(5), _RATE * _SECONDS)
    asyncio.run(in_order(host, port, requests(random.Random(4), 400), rate=100))  # does not count
    waits = sorted(asyncio.run(in_order(host, port, addresses, rate=_RATE)))
    rate = asyncio.run(saturated(host, port, requests(random.Random(6), 20_000)))
    p50, p99 = statistics.median(waits) * 1000, waits[int(len(waits) * 0.99)] * 1000
    seen = f"{_RATE}/s over {_CONNECTIONS} connections; {rate:,.0f}/s at most"
    return Row(f"{name}: lists over HTTP", seen, [Goal(p50, 4, "ms p50"), Goal(p99, 10, "ms p99")], _SHARED)


_SHARED = "client, hub and index share two cores; a request also waits for whoever has them"


def _of_commits(name: str, bench: Bench) -> Row:
    waits = list[float]()
    bench.api.create_repo("bench/found-soon")
    for number in range(5):
        text = f"---\ntags: [soon-{number}]\n---\n"
        bench.api.create_commit(
            "bench/found-soon", [CommitOperationAdd("README.md", text.encode())], commit_message="found soon"
        )
        began = time.perf_counter()
        while not list(bench.api.list_models(filter=f"soon-{number}", search="found-soon")):
            time.sleep(0.005)
        waits.append(time.perf_counter() - began)
    return Row(f"{name}: a commit is found", "by name and tag", [Goal(max(waits), 2, "s")])


def wait_until_found(bench: Bench) -> None:
    """A large hub refuses to answer before it has its index; a small one has it in a moment."""
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{bench.hub.endpoint}/api/models?limit=1", timeout=60).close()
        except urllib.error.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            time.sleep(2)
            return


def wait_until_read(bench: Bench) -> None:
    """Until the hub has read the cards, beside which all else is slower: that is once, and no part of what is measured."""
    deadline = time.monotonic() + _READ_SECONDS
    print("waiting until the cards are read", flush=True)
    while not _is_read(bench):
        if time.monotonic() > deadline:
            print("the cards are being read while questions are measured", flush=True)
            return
        time.sleep(2)


def _is_read(bench: Bench) -> bool:
    states = (bench.hub.data_dir / "cache").glob("text-*/v*/state.json")
    return any(msgspec.json.decode(state.read_bytes(), type=State).whole for state in states)


def decoded(body: bytes) -> list[dict[str, Any]]:
    """The rows of a list."""
    return msgspec.json.decode(body, type=list[dict[str, Any]])


def _address(bench: Bench) -> tuple[str, int]:
    parts = urlsplit(bench.hub.endpoint)
    return parts.hostname or "127.0.0.1", parts.port or 80


Kind = Callable[[], dict[str, str]]
"""Makes the parameters of one request."""


# --- what is asked --------------------------------------------------------------------------------------------------


def requests(rng: random.Random, count: int) -> list[str]:
    """Paths with every filter, sort and text query of the goals, the frequent ones more often."""
    kinds = list(_kinds(rng))
    return ["/api/models?" + urlencode({**rng.choice(kinds)(), "limit": 30}, quote_via=quote) for _ in range(count)]


def _kinds(rng: random.Random) -> Iterator[Kind]:
    def of(items: list[str]) -> str:
        return items[min(len(items) - 1, int(rng.paretovariate(0.9)) - 1)]

    sorts = ("downloads", "likes", "lastModified", "createdAt", "trendingScore")
    yield lambda: {"filter": of(words.LIBRARIES), "sort": "downloads"}
    yield lambda: {"filter": f"{of(words.LANGUAGES)},{of(words.LIBRARIES)}", "sort": "downloads"}
    yield lambda: {
        "filter": f"{of(words.LANGUAGES)},{of(words.LIBRARIES)},license:{of(words.LICENSES)}",
        "sort": "likes",
    }
    yield lambda: {"pipeline_tag": of(words.TASKS), "filter": of(words.LIBRARIES), "sort": "lastModified"}
    yield lambda: {"search": of(words.FAMILIES)[: rng.randrange(3, 9)], "sort": "downloads"}
    yield lambda: {"search": "".join(rng.choices(words.SYLLABLES, k=4))}
    yield lambda: {"search": of(words.FAMILIES), "pipeline_tag": of(words.TASKS), "sort": "downloads"}
    yield lambda: {
        "num_parameters": f"min:{rng.randrange(1, 9)}B,max:{rng.randrange(10, 99)}B",
        "sort": rng.choice(sorts),
    }
    yield lambda: {"author": f"{rng.choice(words.PEOPLE)}-{''.join(rng.choices(words.SYLLABLES, k=2))}"}
    yield lambda: {"sort": rng.choice(sorts), "direction": rng.choice(("1", "-1"))}
    yield lambda: {"gated": "true", "sort": rng.choice(sorts)}


async def in_order(host: str, port: int, paths: list[str], *, rate: float) -> list[float]:
    """Open loop: each request has its moment, and waits from then on, whether a connection is free or not. One in four is
    followed by the page that its `Link` names."""
    waits, queue = list[float](), asyncio.Queue[tuple[float, str]]()

    async def client() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        while True:
            due, path = await queue.get()
            following = await ask(reader, writer, host, port, path)
            waits.append(time.perf_counter() - due)
            if following is not None and len(waits) % 4 == 0:
                queue.put_nowait((time.perf_counter(), following))
            queue.task_done()

    clients = [asyncio.create_task(client()) for _ in range(_CONNECTIONS)]
    start = time.perf_counter() + 0.1
    for number, path in enumerate(paths):
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        queue.put_nowait((due, path))
    await queue.join()
    for one in clients:
        one.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    return waits


async def saturated(host: str, port: int, paths: list[str]) -> float:
    """Answers per second when each connection asks again as soon as it was answered."""
    left, end, count = iter(paths), time.perf_counter() + _SATURATED_SECONDS, 0

    async def client() -> None:
        nonlocal count
        reader, writer = await asyncio.open_connection(host, port)
        for path in left:
            if time.perf_counter() > end:
                return
            await ask(reader, writer, host, port, path)
            count += 1

    await asyncio.gather(*(client() for _ in range(_CONNECTIONS)))
    return count / _SATURATED_SECONDS


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int, path: str
) -> str | None:
    """Returns the address that follows, if the answer names one."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    assert head.startswith("HTTP/1.1 200"), f"{path} was answered {head[:200]}"
    headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    await reader.readexactly(int(headers["content-length"]))
    links = [line.split("<", 1)[1].split(">")[0] for line in head.split("\r\n") if line.lower().startswith("link:")]
    if not links:
        return None
    parts = urlsplit(links[0])
    return f"{parts.path}?{parts.query}"


def options(parser: argparse.ArgumentParser) -> None:
    """What `make bench` can be told about this section."""
    parser.add_argument("--catalog", type=int, default=50_000, help="repositories of the search section (50,000)")
    parser.add_argument(
        "--catalog-data", type=Path, help="a data folder that benchmarks.catalog filled, instead; it is copied"
    )
