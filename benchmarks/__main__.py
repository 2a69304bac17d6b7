"""`make bench`: every benchmark, a table, and docs/reference/performance.md with `--write`.

A fresh hub is given a large file over LFS and a few commits; then each load runs on the hub and its reference in turn.
"""

import argparse
import datetime
import hashlib
import json
import os
import platform
import secrets
import statistics
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi

from benchmarks import internals, loads
from benchmarks.measure import Pair, Sample, in_turn, peak_rss_mib
from benchmarks.references import Server, bare_asgi, nginx
from tests.hub import Hub

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "performance.md"
REPO = "bench/model"
BUSY = os.getloadavg()[0]


@dataclass(frozen=True)
class Bench:
    """What the loads need to know."""

    hub: Hub
    token: str
    file: Path
    nginx: Server
    bare: Server
    older: str
    tip: str
    given: argparse.Namespace

    @property
    def rounds(self) -> int:
        return int(self.given.rounds)

    @property
    def size(self) -> int:
        return self.file.stat().st_size

    def resolve(self, path: str, revision: str = "main") -> str:
        return f"{self.hub.endpoint}/{REPO}/resolve/{revision}/{path}"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5, help="pairs of runs (5)")
    options.add_argument("--mib", type=int, default=1024, help="size of the large file (1024)")
    options.add_argument("--workers", type=int, default=2, help="web processes of the hub and of each reference (2)")
    options.add_argument("--write", action="store_true", help="write docs/reference/performance.md")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="pioche-bench-") as name:
        folder = Path(name)
        file = random_file(folder / "file.bin", given.mib)
        settings = {"WORKERS": str(given.workers), "LOG_LEVEL": "warning"}
        with (
            Hub(folder, settings) as hub,
            nginx(folder / "nginx", file, given.workers) as web,
            bare_asgi(given.workers) as bare,
        ):
            print(f"filling the hub: one file of {given.mib} MiB, two commits", flush=True)
            token = hub.user("bench").token
            older, tip = fill(hub, token, file)
            pairs, notes = measure(Bench(hub, token, file, web, bare, older, tip, given))
        print("without HTTP ...", flush=True)
        costs = internals.measure(folder / "internals")
    text = report(pairs, notes, costs, given)
    print(text)
    if given.write:
        PAGE.write_text(text)
    return 0


# --- setting up -----------------------------------------------------------------------------------------------------


def random_file(path: Path, mib: int) -> Path:
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(secrets.token_bytes(1 << 20))
    return path


def fill(hub: Hub, token: str, file: Path) -> tuple[str, str]:
    """The large file and three small ones; returns an older commit and the tip."""
    api = HfApi(hub.endpoint, token=token)
    api.create_repo(REPO)
    upload(hub, token, file)
    pointer = {"path": "file.bin", "algo": "sha256", "oid": sha256(file), "size": file.stat().st_size}
    commit = [{"key": "header", "value": {"summary": "large"}}, {"key": "lfsFile", "value": pointer}]
    lines = "\n".join(json.dumps(line) for line in commit).encode()
    call(f"{hub.endpoint}/api/models/{REPO}/commit/main", token, lines, "application/x-ndjson")
    small = [CommitOperationAdd(f"{name}.json", b'{"a": 1}') for name in ("config", "tokenizer", "generation")]
    older = api.create_commit(REPO, small, commit_message="small")
    tip = api.create_commit(REPO, [CommitOperationAdd("notes.txt", b"later\n")], commit_message="later")
    return older.oid, tip.oid


def upload(hub: Hub, token: str, file: Path) -> Sample:
    """The file over LFS in one part: batch, PUT, verify. The sample is of the PUT alone."""
    wanted = {"oid": sha256(file), "size": file.stat().st_size}
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [wanted], "hash_algo": "sha256"}
    kind = "application/vnd.git-lfs+json"
    answer = call(f"{hub.endpoint}/{REPO}.git/info/lfs/objects/batch", token, json.dumps(batch).encode(), kind)
    actions = answer["objects"][0]["actions"]
    sample = loads.put(actions["upload"]["href"], actions["upload"].get("header", {}), file, hub.pid)
    if "verify" in actions:
        call(actions["verify"]["href"], token, json.dumps(wanted).encode(), kind, actions["verify"].get("header"))
    return sample


def call(url: str, token: str, body: bytes, kind: str, headers: dict[str, str] | None = None) -> Any:
    own = {"Authorization": f"Bearer {token}", "Content-Type": kind, "Accept": kind, **(headers or {})}
    with urllib.request.urlopen(urllib.request.Request(url, body, own), timeout=600) as response:
        text = response.read()
    return json.loads(text) if text else None


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- measuring ------------------------------------------------------------------------------------------------------


def measure(bench: Bench) -> tuple[list[Pair], list[str]]:
    pairs = [*downloads(bench), *look_ups(bench)]
    before = peak_rss_mib(bench.hub.pid)
    pairs.append(uploads(bench))
    grown = peak_rss_mib(bench.hub.pid) - before
    return pairs, [f"Largest process of the hub: {before:.0f} MiB; grown by {grown:.0f} MiB during the uploads."]


def downloads(bench: Bench) -> list[Pair]:
    ours, theirs, token = bench.resolve("file.bin"), f"{bench.nginx.url}/file", bench.token
    hub, web, size = bench.hub.pid, bench.nginx.pid, bench.size
    return [
        run(
            Pair("whole-file GET", "MB/s", 0.90, cpu_ratio_max=1.4),
            lambda: loads.whole_file(ours, token, hub),
            lambda: loads.whole_file(theirs, None, web),
            bench.rounds,
        ),
        run(
            Pair("8 ranged GETs at once", "MB/s", 1.0 if bench.given.workers > 1 else 0.80, 0.6e-9),
            lambda: loads.parallel_ranges(ours, token, hub, size=size),
            lambda: loads.parallel_ranges(theirs, None, web, size=size),
            bench.rounds,
        ),
        run(
            Pair("64 KiB ranges", "requests/s", 0.45, 100e-6),
            lambda: loads.small_ranges(ours, token, hub, size=size),
            lambda: loads.small_ranges(theirs, None, web, size=size),
            bench.rounds,
        ),
    ]


def look_ups(bench: Bench) -> list[Pair]:
    heads = {
        "HEAD resolve, by branch": bench.resolve("config.json"),
        "HEAD resolve, by the tip's sha": bench.resolve("config.json", bench.tip),
        "HEAD resolve, by an older sha": bench.resolve("config.json", bench.older),
    }
    pairs = [
        small(bench, Pair(name, "requests/s", 0.45, 50e-6, p99_ms_max=10), url, loads.heads)
        for name, url in heads.items()
    ]
    info = f"{bench.hub.endpoint}/api/models/{REPO}"
    return [*pairs, small(bench, Pair("GET model info", "requests/s", 0.30, 70e-6, p99_ms_max=10), info, loads.gets)]


def small(bench: Bench, pair: Pair, url: str, load: Callable[[str, str | None, int], Sample]) -> Pair:
    return run(
        pair,
        lambda: load(url, bench.token, bench.hub.pid),
        lambda: load(bench.bare.url, None, bench.bare.pid),
        bench.rounds,
    )


def uploads(bench: Bench) -> Pair:
    """A new file each time: what is there already need not be sent."""
    target = f"{bench.nginx.url}/put"

    def to_hub() -> Sample:
        with bench.file.open("r+b") as file:
            file.write(secrets.token_bytes(64))
        return upload(bench.hub, bench.token, bench.file)

    pair = Pair("upload over LFS, hashed and synced", "MB/s", 0.40, 2.0e-9)
    return run(pair, to_hub, lambda: loads.put(target, {}, bench.file, bench.nginx.pid), min(bench.rounds, 3))


def run(pair: Pair, hub: Callable[[], Sample], reference: Callable[[], Sample], rounds: int) -> Pair:
    print(f"{pair.name} ...", flush=True)
    return in_turn(pair, hub, reference, rounds)


# --- telling --------------------------------------------------------------------------------------------------------


def report(pairs: list[Pair], notes: list[str], costs: list[internals.Cost], given: argparse.Namespace) -> str:
    cost_rows = "\n".join(f"| {cost.name} | {cost.verdict} |" for cost in costs)
    rows = "\n".join(row(pair) for pair in pairs)
    today = datetime.datetime.now(datetime.UTC).date()
    size, workers, rounds = f"{given.mib} MiB", given.workers, given.rounds
    return f"""\
# Performance

<!-- Made by `make bench ARGS=--write`. -->

The hub beside its reference in one run, in turn, client and servers on one machine, {today}: {machine()}. A file of
{size}, {workers} web processes each, medians of {rounds} pairs of runs. Compare ratios, not figures: machines differ, and
other work slows both. The references are nginx with `sendfile` (downloads), nginx storing the body without hashing or
syncing it (uploads), and a bare ASGI application with a fixed answer on the hub's own server (small requests). The hub
checks a token and the rights of its caller on each request.

| load | hub | reference | ratio | hub's processor time | p99, 32 connections |
| --- | --- | --- | --- | --- | --- |
{rows}

{" ".join(notes)}

Without HTTP, processor time of one call of the core, its database transaction included:

| call | cost |
| --- | --- |
{cost_rows}
"""


def row(pair: Pair) -> str:
    is_bytes = pair.unit == "MB/s"
    hub, reference = (statistics.median(sample.rate for sample in runs) for runs in (pair.hub, pair.reference))
    scale = 1e6 if is_bytes else 1
    cost = judged(pair.cpu_each, pair.cpu_limit, 1e9 if is_bytes else 1e6, "s/GB" if is_bytes else "us")
    p99 = "" if pair.p99_ms is None else f"{pair.p99_ms:.1f} ms"
    if pair.p99_ms is not None and pair.p99_ms_max is not None:
        p99 = judged(pair.p99_ms, pair.p99_ms_max, 1, "ms")
    reached = "" if pair.ratio >= pair.goal else "not "
    ratio = f"**{pair.ratio:.2f}** (goal {pair.goal:.2f} {reached}reached)"
    rates = f"{hub / scale:,.0f} {pair.unit} | {reference / scale:,.0f} {pair.unit}"
    return f"| {pair.name} | {rates} | {ratio} | {cost} | {p99} |"


def judged(value: float, most: float, scale: float, unit: str) -> str:
    """A figure that is to be small, and whether it is."""
    reached = "" if value <= most else "not "
    return f"{value * scale:.3g} {unit} (goal {most * scale:.3g} {reached}reached)"


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = models[0] if models else platform.machine()
    return f"{os.cpu_count()} cores ({model}), {gib:.0f} GiB, load average {BUSY:.1f} before it began"


if __name__ == "__main__":
    sys.exit(main())
