"""Uploads, commits, new repos."""

import json
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import loads
from benchmarks.bench import Bench, make_new, random_file, upload_lfs
from benchmarks.measure import Growth, Pair, Sample, cpu_seconds, in_turn, timed
from benchmarks.rows import Goal, Row, ratio

_AT_ONCE = 20
_AT_ONCE_MIB = 64
_MEMORY = (
    "each upload has up to 1 MiB that is being written, as much that arrives meanwhile, and half a MiB each in the server"
    " and on its way to the disk; the allocator keeps some of that afterwards, and a hub that was idle before makes threads"
)

_LFS = (
    "hashing takes 0.7 CPU s/GB, writing past the page cache 0.13, receiving and handing over the rest; the file is synced,"
    " which nginx does not do"
)
_XET = (
    "bytes are verified while they are written past the page cache, 0.35 to 0.5 CPU s/GB (0.2 of it BLAKE3) and 0.2; then"
    " they are read back, 0.2, decoded, hashed by chunks again, 0.2 to 0.3, and as a file, 0.7, since their sha256 is"
    " nobody's word; receiving them is the rest. Compressed chunks cost 1 CPU s/GB more each time they are decoded. What is"
    " missed in speed is the client: it cuts, hashes and compresses on the same cores, and its time counts"
)
_COMMIT = (
    "a call on a connection of its own with a token that is refused takes 0.4 to 0.8 ms; a synced transaction takes"
    " 0.15; the pack, its two syncs and the rows are the rest, and the event is delivered by another process, which takes"
    " 1 to 2 ms where the calls come slowly; perf says of the web processes' part, which is seven tenths: half is Python's"
    " interpreter, spread over 3,700 calls of functions, a third the kernel (a ninth of all the syncs, a ninth switching"
    " between threads, a twentieth making two files), the rest SQLite, libgit2, zlib and the server"
)

_CREATION = (
    "a call on a connection of its own with a token that is refused takes 0.4 to 0.8 ms; perf says of the web processes'"
    " part, which is eight tenths: half is Python's interpreter, eight statements in 1,260 calls of functions, a quarter the"
    " kernel (a tenth of all switching between threads, a twentieth the sync); the index and the jobs read the event"
)


def uploads(bench: Bench) -> list[Row]:
    """1 GiB beside nginx that stores the body without hashing or syncing it, and many at once."""
    bench.repo  # noqa: B018 - the hub is filled before anything is measured
    target = f"{bench.nginx.url}/put"

    def reference() -> Sample:
        _give_back_cache(bench.hub.data_dir)
        return loads.put(target, {}, bench.file, bench.nginx.pid)

    def by_lfs() -> Sample:
        make_new(bench.file)
        return upload_lfs(bench, bench.repo, bench.file)

    def by_xet() -> Sample:
        make_new(bench.file)
        return timed(lambda: _upload_xet(bench, bench.file), bench.hub.pid)

    rows = list[Row]()
    for name, load, limits in (
        ("upload over LFS, verified", by_lfs, _LFS),
        ("upload over Xet, verified", by_xet, _XET),
    ):
        print(f"{name} ...", flush=True)
        with Growth(bench.hub.pid) as growth:
            pair = in_turn(Pair(name), load, reference, min(bench.rounds, 3))
        rows.append(_upload(pair, growth.mib, limits))
    return [*rows, _many_uploads(bench)]


def _give_back_cache(folder: Path) -> None:
    """Pages of what was uploaded before, as nginx gives back its own by deleting the file: in a virtual machine a page that
    was never used costs ten times one that was, and only the hub keeps its files."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def _upload(pair: Pair, grown_mib: float, limits: str) -> Row:
    ours, theirs = (statistics.median(sample.rate for sample in runs) / 1e6 for runs in (pair.hub, pair.reference))
    goals = [
        ratio(pair.ratio, 0.45),
        Goal(pair.cpu_each * 1e9, 2.5, "CPU s/GB"),
        Goal(grown_mib, 64, "MiB of memory more"),
    ]
    return Row(pair.name, f"{ours:,.0f} MB/s, reference {theirs:,.0f}", goals, limits)


def _upload_xet(bench: Bench, file: Path) -> float:
    bench.api.upload_file(path_or_fileobj=file, path_in_repo=file.name, repo_id=bench.repo)
    return file.stat().st_size


def _many_uploads(bench: Bench) -> Row:
    print(f"{_AT_ONCE} uploads at once ...", flush=True)
    files = [random_file(bench.folder / f"many-{number}.bin", _AT_ONCE_MIB) for number in range(_AT_ONCE)]
    with Growth(bench.hub.pid) as growth, ThreadPoolExecutor(_AT_ONCE) as clients:
        began = time.perf_counter()
        list(clients.map(lambda file: upload_lfs(bench, bench.repo, file), files))
        wall = time.perf_counter() - began
    for file in files:
        file.unlink()
    rate = _AT_ONCE * _AT_ONCE_MIB * 2**20 / wall / 1e6
    seen = f"{_AT_ONCE_MIB} MiB each over LFS, {rate:,.0f} MB/s together"
    return Row(f"{_AT_ONCE} uploads at once", seen, [Goal(growth.mib, 64, "MiB of memory more")], _MEMORY)


def commits(bench: Bench) -> list[Row]:
    """The whole call, as the server pays for it: parsing, git objects, rows, syncs, and the events after it."""
    rows = list[Row]()
    for files, times, goal_ms in ((1, 100, 5), (100, 30, 25), (5000, 3, 1500)):
        name = f"commit of {files:,} file{'s' if files > 1 else ''} by the API"
        print(f"{name} ...", flush=True)
        repo = f"bench/commits-{files}"
        bench.api.create_repo(repo)
        cost = _cost_ms(bench, _committer(bench, repo, files), times)
        rows.append(Row(name, f"{times} calls one after another", [Goal(cost, goal_ms, "ms of CPU")], _COMMIT))
    return [*rows, _creations(bench)]


def _committer(bench: Bench, repo: str, files: int) -> Callable[[int], object]:
    def commit(number: int) -> None:
        paths = (f"f/{number}/{at}.txt" for at in range(files))
        content = {"encoding": "utf-8", "content": f"{number}\n"}
        bench.commit(repo, [{"key": "file", "value": {"path": path, **content}} for path in paths])

    return commit


def _creations(bench: Bench) -> Row:
    count = int(bench.given.repos)
    print(f"{count:,} repos ...", flush=True)
    git = bench.hub.data_dir / "git"
    inodes = sum(1 for _ in git.rglob("*"))

    def create(number: int) -> None:
        body = {"name": f"empty-{number}", "organization": "bench", "type": "model"}
        bench.call("/api/repos/create", json.dumps(body).encode())

    cost = _cost_ms(bench, create, count)
    made = sum(1 for _ in git.rglob("*")) - inodes
    goals = [Goal(cost, 3, "ms of CPU each"), Goal(made, 0, "inodes")]
    return Row(f"{count:,} repositories created", "one after another, by the API", goals, _CREATION)


def _cost_ms(bench: Bench, call: Callable[[int], object], times: int) -> float:
    """Processor time of the whole hub for one call."""
    call(times)
    before = cpu_seconds(bench.hub.pid)
    for number in range(times):
        call(number)
    return (cpu_seconds(bench.hub.pid) - before) / times * 1e3
