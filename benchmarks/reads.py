"""Downloads, look-ups, files kept as chunks, listings."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import loads
from benchmarks.bench import Bench, random_file, sha256_of
from benchmarks.measure import Pair, Sample, cpu_seconds, in_turn
from benchmarks.rows import Goal, Row, ratio
from pioche import app, config
from pioche.db.engine import Lookup
from pioche.names import Sha256
from pioche.storage.contents import Content

_COPIES = (
    "bytes pass through user space: from the page cache to Python, to the server, to the socket, which is three copies"
    " where sendfile on loopback makes one; measured alone: reading a piece of 256 KiB from the page cache 0.11 CPU s/GB, all"
    " that the hub does around it 0.015, the server's two copies the rest; pieces of 64 KiB to 1 MiB cost the same; nginx in"
    " front with X-Accel takes them off the hub"
)

_SMALL = (
    "measured in one process: the hub's own code 18 us, reading 64 KiB 10 us; of 97 us that a request took on the server 65"
    " were of Python's thread and 30 of the server's two, which need Python's lock for each request: every system call gives"
    " it to them and waits to have it back (one more look at the file took 9 us of 115)"
)

_LISTED = (
    "of 1,000 entries, measured alone: 1.1 ms SQLite's rows in Python, 0.15 what is made of them, 0.1 their JSON, 0.25 its"
    " ETag; a call on a connection of its own with a token takes 0.4 to 0.8 more, the rest is 400 KB to send"
)


def downloads(bench: Bench) -> list[Row]:
    """Of a large file, beside nginx with `sendfile`."""
    ours, theirs, token = bench.resolve("file.bin"), f"{bench.nginx.url}/file", bench.token
    hub, web, size = bench.hub.pid, bench.nginx.pid, bench.size
    whole = run(
        bench,
        "whole-file GET",
        lambda: loads.whole_file(ours, token, hub),
        lambda: loads.whole_file(theirs, None, web),
    )
    ranged = run(
        bench,
        "8 ranged GETs at once",
        lambda: loads.parallel_ranges(ours, token, hub, size=size),
        lambda: loads.parallel_ranges(theirs, None, web, size=size),
    )
    small = run(
        bench,
        "64 KiB ranges",
        lambda: loads.small_ranges(ours, token, hub, size=size),
        lambda: loads.small_ranges(theirs, None, web, size=size),
    )
    bare, alone = f"{bench.bare.url}/file", bench.bare.pid
    cost = f"{seen(small)}, {small.cpu_each * 1e6:.0f} us of CPU each"
    return [
        _download(whole, 0.5, _bound(whole, lambda: loads.whole_file(bare, None, alone))),
        _download(ranged, 0.5, _bound(ranged, lambda: loads.parallel_ranges(bare, None, alone, size=size))),
        Row(
            small.name,
            cost,
            [ratio(small.ratio, 0.5)],
            f"{_bound(small, lambda: loads.small_ranges(bare, None, alone, size=size))}; {_SMALL}",
        ),
    ]


def _download(pair: Pair, cpu_goal: float, limits: str) -> Row:
    goals = [ratio(pair.ratio, 1.0), Goal(cpu_per_gb(pair), cpu_goal, "CPU s/GB")]
    return Row(pair.name, seen(pair), goals, f"{limits}; {_COPIES}")


def _bound(pair: Pair, load: Callable[[], Sample]) -> str:
    """What the server reaches without the hub: an application that reads the file and sends it, and knows no callers."""
    load()
    runs = [load() for _ in pair.reference]
    theirs = statistics.median(sample.rate for sample in pair.reference)
    rate, each = statistics.median(run.rate for run in runs), statistics.median(run.cpu_each for run in runs)
    cost = f"{each * 1e9:.2f} CPU s/GB" if runs[0].p99_ms is None else f"{each * 1e6:.0f} us of CPU each"
    return (
        "the bound is what an application of ten lines reaches on the same server, which only reads and sends these bytes:"
        f" {rate / theirs:.2f} x nginx in this run, with {cost}; what the hub takes beyond it goes into the caller, the"
        " rights, the range, the headers and watching whether the client is still there"
    )


def look_ups(bench: Bench) -> list[Row]:
    """With a token and rights checked, beside a fixed answer of a bare ASGI application on the same server."""
    older, tip = [commit.commit_id for commit in bench.api.list_repo_commits(bench.repo)][1::-1]
    heads = {
        "HEAD resolve, by branch": bench.resolve("config.json"),
        "HEAD resolve, by the tip's sha": bench.resolve("config.json", tip),
        "HEAD resolve, by an older sha": bench.resolve("config.json", older),
    }
    rows = [_look_up(bench, name, url, loads.heads, 0.5) for name, url in heads.items()]
    info = f"{bench.hub.endpoint}/api/models/{bench.repo}"
    return [*rows, _look_up(bench, "GET model info", info, loads.gets, 0.35)]


def _look_up(bench: Bench, name: str, url: str, load: Callable[[str, str | None, int], Sample], goal: float) -> Row:
    pair = run(
        bench, name, lambda: load(url, bench.token, bench.hub.pid), lambda: load(bench.bare.url, None, bench.bare.pid)
    )
    goals = [ratio(pair.ratio, goal), Goal(pair.p99_ms or 0.0, 10, "ms p99")]
    bare_us = statistics.median(sample.cpu_each for sample in pair.reference) * 1e6
    cost = f"{pair.cpu_each * 1e6:.0f} us of CPU each, bare {bare_us:.0f} us"
    limits = "32 connections, their client and the web processes share the cores: look at the CPU, which drifts less"
    return Row(name, f"{seen(pair)}; {cost}", goals, limits)


def chunked(bench: Bench) -> list[Row]:
    """A file that came by Xet: decoded at first, read as a file from then on."""
    file = random_file(bench.folder / "chunked.bin", min(int(bench.given.mib), 512))
    repo = "bench/chunked"
    bench.api.create_repo(repo)
    bench.api.upload_file(path_or_fileobj=file, path_in_repo="chunked.bin", repo_id=repo)
    url = f"{bench.hub.endpoint}/{repo}/resolve/main/chunked.bin"
    decoding = _decoding_rate(bench, file)
    cpu = cpu_seconds(bench.hub.pid)
    began = time.perf_counter()
    got = loads.get(url, bench.token)
    wall = time.perf_counter() - began
    _wait_for(bench.hub.data_dir / "cache" / "files" / sha256_of(file))
    each = (cpu_seconds(bench.hub.pid) - cpu) / got * 1e9
    assert got == file.stat().st_size, f"{got} bytes came"
    theirs = f"{bench.nginx.url}/file"
    again = run(
        bench,
        "plain GET of a chunked file, again",
        lambda: loads.whole_file(url, bench.token, bench.hub.pid),
        lambda: loads.whole_file(theirs, None, bench.nginx.pid),
    )
    first = f"{got / wall / 1e6:,.0f} MB/s; {each:.2f} CPU s/GB with the rebuilding beside it"
    return [
        Row(
            "plain GET of a chunked file, first time",
            first,
            [Goal(decoding / 1e6, 400, "MB/s of a core", is_most=False)],
        ),
        Row(again.name, seen(again), [ratio(again.ratio, 1.0)], _COPIES),
    ]


def _decoding_rate(bench: Bench, file: Path) -> float:
    """Bytes decoded and checked in a second of processor time, in this process, over the hub's data."""
    hub = app.build_hub(config.load({"data_dir": bench.hub.data_dir}, environ={}))
    try:
        row = hub.database.fetch_one_sync(_CONTENT, {"sha256": sha256_of(file)})
        assert row is not None, "the file did not come by Xet"
        content = Content(Sha256(row[0]), *row[1:])
        rates = list[float]()
        for _ in range(bench.rounds):
            began = time.process_time()
            total = sum(len(piece) for piece in hub.contents.read(content))
            rates.append(total / (time.process_time() - began))
        return statistics.median(rates)
    finally:
        hub.database.close()


_CONTENT = Lookup("SELECT sha256, size, kind, xet_hash FROM contents WHERE sha256 = :sha256")


def _wait_for(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)


def listings(bench: Bench) -> list[Row]:
    """What a page of a listing costs the server. A page is large, so that answers are not remembered."""
    wide, deep = "bench/wide", "bench/deep"
    bench.api.create_repo(wide)
    bench.commit(wide, [_file(f"f/{number:05}.txt", number) for number in range(1000)])
    bench.api.create_repo(deep)
    for part in range(20):
        bench.commit(deep, [_file(f"{part:02}/{number:05}.txt", number) for number in range(5000)])
    base = f"{bench.hub.endpoint}/api/models"
    expanded = cost_ms(bench, f"{base}/{wide}/tree/main/f?expand=true&limit=1000")
    recursive = cost_ms(bench, f"{base}/{deep}/tree/main?recursive=true&limit=1000")
    return [
        Row("tree with expand=true, 1,000 entries", "a GET", [Goal(expanded, 5, "ms of CPU")], _LISTED),
        Row("first recursive page of 100,000 files", "a GET of 1,000 entries", [Goal(recursive, 30, "ms of CPU")]),
    ]


def _file(path: str, number: int) -> dict[str, object]:
    return {"key": "file", "value": {"path": path, "content": f"{number}\n", "encoding": "utf-8"}}


def cost_ms(bench: Bench, url: str, times: int = 100) -> float:
    """Of the processor's time, all workers together, for one GET."""
    for _ in range(5):
        loads.get(url, bench.token)
    before = cpu_seconds(bench.hub.pid)
    for _ in range(times):
        loads.get(url, bench.token)
    return (cpu_seconds(bench.hub.pid) - before) / times * 1e3


# --- pairs ----------------------------------------------------------------------------------------------------------


def run(bench: Bench, name: str, hub: Callable[[], Sample], reference: Callable[[], Sample]) -> Pair:
    print(f"{name} ...", flush=True)
    return in_turn(Pair(name), hub, reference, bench.rounds)


def seen(pair: Pair) -> str:
    """Both rates, in MB/s or requests/s."""
    is_bytes = pair.hub[0].p99_ms is None
    rates = [statistics.median(sample.rate for sample in runs) for runs in (pair.hub, pair.reference)]
    unit, scale = ("MB/s", 1e6) if is_bytes else ("requests/s", 1)
    ours, theirs = (f"{rate / scale:,.0f}" for rate in rates)
    return f"{ours} {unit}, reference {theirs}"


def cpu_per_gb(pair: Pair) -> float:
    return pair.cpu_each * 1e9
