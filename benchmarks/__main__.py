"""`make bench`: every goal of speed and memory, a table, and docs/reference/performance.md with `--write`.

    make bench                                 all sections, about a quarter of an hour
    make bench ARGS='downloads look_ups'       some of them
    make bench ARGS='--mib 256 --rounds 2'     smaller and shorter

A fresh hub is filled as each section needs; then each load runs on the hub and its reference in turn.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from huggingface_hub.utils.tqdm import disable_progress_bars

from benchmarks import (
    builds,
    dedup,
    deployments,
    discussions,
    disks,
    git,
    inference,
    page,
    pages,
    reads,
    rivals,
    search,
    starts,
    streams,
    writes,
)
from benchmarks.bench import Bench
from benchmarks.rows import Row, machine, shortfalls, table, today

Section = Callable[[Bench], list[Row]]
SECTIONS: dict[str, Section] = {
    "downloads": reads.downloads,
    "look_ups": reads.look_ups,
    "chunked": reads.chunked,
    "listings": reads.listings,
    "commits": writes.commits,
    "git": git.wire,
    "uploads": writes.uploads,
    "changes": dedup.changes,
    "conversion": dedup.conversion,
    "search": search.search,
    "pages": pages.pages,
    "discussions": discussions.discussions,
    "inference": inference.inference,
    "streams": streams.streams,
    "starts": starts.starts,
    "deployments": deployments.deployments,
    "rivals": rivals.rivals,
    "builds": builds.builds,
    "disks": disks.disks,
}
"""In the order in which they run. Each stands alone."""


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)} (all)")
    options.add_argument("--rounds", type=int, default=3, help="pairs of runs (3)")
    options.add_argument("--mib", type=int, default=1024, help="size of the large file (1024)")
    options.add_argument("--repos", type=int, default=10_000, help="repositories to create (10,000)")
    options.add_argument("--workers", type=int, default=2, help="web processes of the hub and of each reference (2)")
    search.options(options)
    options.add_argument("--write", action="store_true", help="write docs/reference/performance.md")
    given = options.parse_args()
    unknown = [name for name in given.sections if name not in SECTIONS]
    if unknown:
        options.error(f"there is no section {unknown[0]}: use {', '.join(SECTIONS)}")
    disable_progress_bars()
    began = time.monotonic()
    rows = list[Row]()
    for name in given.sections or SECTIONS:
        found = measure(SECTIONS[name], given)
        print(f"{table(found)}\n", flush=True)  # at once: what comes later may fail
        rows += found
    text = report(rows, given, time.monotonic() - began)
    print(text)
    if given.write:
        page.write("bench", text)
    return 0


def measure(section: Section, given: argparse.Namespace) -> list[Row]:
    """On a hub of its own, which is gone afterwards: sections do not disturb one another, and the disk is free again."""
    with tempfile.TemporaryDirectory(prefix="pioche-bench-") as name, Bench(Path(name), given) as bench:
        return section(bench)


def report(rows: list[Row], given: argparse.Namespace, seconds: float) -> str:
    return f"""\
The hub beside its references in one run of {seconds / 60:.0f} minutes, in turn, clients and servers on one machine,
{today()}: {machine()}. A large file of {given.mib} MiB, {given.workers} web processes each, medians of {given.rounds} pairs
of runs; an x is the ratio of the hub's speed to the reference's. Compare ratios and processor time, not rates: machines
differ, and other work slows both. The references are nginx with `sendfile` (downloads), nginx storing the body without
hashing or syncing it (uploads), a bare ASGI application with a fixed answer on the hub's own server (look-ups), and git's
own `http-backend` on the same objects (clones). The hub checks a token and the rights of its caller on each request.

{table(rows)}

## Not reached, and why

{shortfalls(rows)}
"""


if __name__ == "__main__":
    sys.exit(main())
