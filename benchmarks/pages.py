"""The goals of pages: how long the hub takes for lists, models and trees, and what a first view costs a browser."""

import random
import statistics
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from shutil import which
from typing import Any

from huggingface_hub import CommitOperationAdd
from playwright.sync_api import Browser, sync_playwright

from benchmarks import catalog, search
from benchmarks.bench import Bench
from benchmarks.measure import cpu_seconds
from benchmarks.rows import Goal, Row
from pioche import config

_FILLED = "bench/filled"
_FILES = 1000
_ASKED = 200
_VISITS = 5
_SLOWER = 4
_LAN = {"offline": False, "latency": 1, "downloadThroughput": 12_500_000, "uploadThroughput": 12_500_000}
_PAINTED = """new Promise(resolve => new PerformanceObserver(
    list => resolve(Math.max(...list.getEntries().map(entry => entry.startTime)))
).observe({type: 'largest-contentful-paint', buffered: true}))"""
_CARD = """\
---
license: mit
language: [en, fr]
library_name: transformers
pipeline_tag: text-classification
tags: [legal, long-context]
---
# A model of one's own

"""
_SHARED = "client, hub and browser share the machine's cores; a page also waits for whoever has them"


def pages(bench: Bench) -> list[Row]:
    """Of a hub with a catalogue of `--repos` repositories, and one that has a card and a thousand files."""
    repos = int(bench.given.repos)
    catalog.fill(config.load({"data_dir": bench.folder / "data"}), repos, 1)
    search.wait_until_found(bench)
    fill(bench)
    name = f"pages, {repos:,} repositories"
    return [*answers(name, bench, most_ms=50), *first_views(name, bench)]


def fill(bench: Bench) -> None:
    """The repo whose pages are full."""
    bench.api.create_repo(_FILLED)
    text = _CARD + "It reads contracts and says which clauses are unusual. `code`, **bold** and a [link](x).\n\n" * 40
    files = [
        CommitOperationAdd("README.md", text.encode()),
        CommitOperationAdd("config.json", b'{"model_type": "bert"}'),
    ]
    files += [CommitOperationAdd(f"part-{number:04}.txt", b"part\n") for number in range(_FILES)]
    bench.api.create_commit(_FILLED, files, commit_message="filled")


# --- what the hub takes ---------------------------------------------------------------------------------------------


def answers(name: str, bench: Bench, *, most_ms: float) -> list[Row]:
    """One page at a time, over loopback: what the hub needs for it, and the way there."""
    rng = random.Random(3)
    lists = [path.removeprefix("/api") for path in search.requests(rng, _ASKED)]
    models = _models(bench, lists)
    asked = {
        "list pages": lists,
        "model pages": [*(f"/{model}" for model in models), *[f"/{_FILLED}"] * (_ASKED // 4)],
        "tree pages": [*(f"/{model}/tree/main" for model in models), *[f"/{_FILLED}/tree/main"] * (_ASKED // 4)],
    }
    return [_answered(f"{name}: {kind}", bench, paths, most_ms) for kind, paths in asked.items()]


def _models(bench: Bench, paths: Sequence[str]) -> list[str]:
    """Some that the lists show."""
    found = set[str]()
    for path in paths[:40]:
        with urllib.request.urlopen(f"{bench.hub.endpoint}/api{path}", timeout=60) as answer:
            found.update(row["id"] for row in search.decoded(answer.read()))
    return sorted(found)[:_ASKED]


def _answered(name: str, bench: Bench, paths: Sequence[str], most_ms: float) -> Row:
    for path in paths[:20]:  # does not count
        _get(bench, path)
    cpu = cpu_seconds(bench.hub.pid)
    waits = sorted(_get(bench, path) for path in paths)
    each = (cpu_seconds(bench.hub.pid) - cpu) / len(paths) * 1000
    seen = f"median {statistics.median(waits):.1f} ms, {each:.1f} ms of processor time each"
    return Row(name, seen, [Goal(waits[int(len(waits) * 0.95)], most_ms, "ms p95")], _SHARED)


def _get(bench: Bench, path: str) -> float:
    """Milliseconds."""
    asked = urllib.request.Request(bench.hub.endpoint + path, headers={"Accept": "text/html"})
    began = time.perf_counter()
    with urllib.request.urlopen(asked, timeout=60) as answer:
        answer.read()
    return (time.perf_counter() - began) * 1000


# --- what a first view costs ----------------------------------------------------------------------------------------


@dataclass
class View:
    """One visit with an empty cache: bytes of styles and scripts as they came, requests, and when the page was there."""

    code_bytes: int
    requests: int
    painted_ms: float


def first_views(name: str, bench: Bench) -> list[Row]:
    """In Chromium with a processor made four times slower, over a network of 100 Mbit/s."""
    shown = {"list": "/models", "model": f"/{_FILLED}", "tree": f"/{_FILLED}/tree/main"}
    with sync_playwright() as playwright:
        program = which("chromium") or which("chromium-browser") or which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            views = {
                kind: [_view(browser, bench.hub.endpoint + path) for _ in range(_VISITS)]
                for kind, path in shown.items()
            }
        finally:
            browser.close()
    return [_viewed(f"{name}: first view of a {kind}", seen) for kind, seen in views.items()]


def _viewed(name: str, views: Sequence[View]) -> Row:
    painted = [view.painted_ms for view in views]
    seen = f"largest contentful paint, processor {_SLOWER} times slower: {min(painted):.0f} to {max(painted):.0f} ms"
    goals = [
        Goal(max(view.code_bytes for view in views) / 1000, 60, "KB of CSS and JS"),
        Goal(max(view.requests for view in views), 15, "requests"),
        Goal(statistics.median(painted), 1000, "ms LCP"),
    ]
    return Row(name, seen, goals, _SHARED)


def _view(browser: Browser, url: str) -> View:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    session = context.new_cdp_session(page)
    urls, sizes = dict[str, str](), dict[str, int]()

    def responded(event: dict[str, Any]) -> None:
        urls[event["requestId"]] = event["response"]["url"]

    def finished(event: dict[str, Any]) -> None:
        sizes[event["requestId"]] = int(event["encodedDataLength"])

    session.on("Network.responseReceived", responded)
    session.on("Network.loadingFinished", finished)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", _LAN)
    session.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER})
    page.goto(url, wait_until="networkidle")
    painted = float(page.evaluate(_PAINTED))
    context.close()
    code = [sizes.get(key, 0) for key, address in urls.items() if address.partition("?")[0].endswith((".js", ".css"))]
    return View(sum(code), len(urls), painted)
