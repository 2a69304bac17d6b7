"""`python -m tests.torture`: kills a hub under load for a while and prints what came of it."""

import argparse
import atexit
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import page
from benchmarks.rows import today
from tests import objectstore
from tests.objectstore import ObjectStore
from tests.torture.run import Figures, Run, run

_GIT_CONFIG = """\
[user]
    name = Tester
    email = tester@example.org
[init]
    defaultBranch = main
"""


def main() -> int:
    given = _given()
    wanted = _wanted(given)
    folder = Path(tempfile.mkdtemp(prefix="pioche-torture-"))
    _git_of_its_own(folder)
    print(f"seed {wanted.seed}, {wanted.seconds:.0f} s, {wanted.clients} clients, {wanted.database}", flush=True)
    figures = run(wanted, folder, say=sys.stderr.isatty())
    print(report(figures))
    if given.write:
        page.write("torture", told(wanted, figures))
    if figures.losses:
        print(f"\nAgain with: make torture ARGS='--seed {wanted.seed} --seconds {wanted.seconds:.0f}'; kept: {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make torture ARGS=...", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="how long to kill (default 300)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="makes the random choices")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--pause", type=float, default=2.0, help="mean seconds between kills")
    parser.add_argument("--kills", type=int, default=0, help="go on until there were so many")
    parser.add_argument(
        "--database", default="sqlite", help="sqlite, postgresql (one of its own), or a postgresql:// URL"
    )
    parser.add_argument("--store", default="disk", choices=("disk", "s3"), help="s3: a Ceph gateway of its own")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the hub")
    parser.add_argument("--keep", action="store_true", help="do not collect garbage beside the load")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reference/performance.md")
    return parser.parse_args()


def _wanted(given: argparse.Namespace) -> Run:
    settings = dict(pair.split("=", 1) for pair in given.set)
    if given.store == "s3":
        settings = {key.upper(): value for key, value in _store().settings().items()} | settings
    return Run(
        seconds=given.seconds,
        seed=given.seed,
        clients=given.clients,
        pause=given.pause,
        kills_min=given.kills,
        database=given.database,
        collects=not given.keep,
        settings=settings,
    )


def _store() -> ObjectStore:
    """A Ceph cluster that ends with this process."""
    objectstore.prepare_run()
    atexit.register(objectstore.end_run)
    return objectstore.ceph()


def _git_of_its_own(folder: Path) -> None:
    config = folder / "gitconfig"
    config.write_text(_GIT_CONFIG)
    os.environ.update(GIT_CONFIG_GLOBAL=str(config), GIT_CONFIG_NOSYSTEM="1", GIT_TERMINAL_PROMPT="0")


def report(figures: Figures) -> str:
    """The table."""
    rows = [("kills", figures.kills.total()), *((f"  {way}", count) for way, count in sorted(figures.kills.items()))]
    rows += [("acknowledged operations", figures.acknowledged.total())]
    rows += [(f"  {kind}", count) for kind, count in sorted(figures.acknowledged.items())]
    rows += [("refused", figures.results["refused"]), ("answer lost", figures.results["unknown"])]
    restarts = sorted(figures.restart_s)
    lines = [f"{name:<32}{value:>10}" for name, value in rows]
    if restarts:
        median, worst = restarts[len(restarts) // 2], restarts[-1]
        lines.append(f"{'restart, s (median, longest)':<32}{median:>10.1f}{worst:>8.1f}")
    lines.append(f"{'losses and damage':<32}{len(figures.losses):>10}")
    return "\n".join([*lines, *(f"  - {loss}" for loss in figures.losses[:50])])


def told(wanted: Run, figures: Figures) -> str:
    """The part of the page of figures."""
    kills, minutes = figures.kills.total(), figures.seconds / 60
    table = "\n".join(line[:120] for line in report(figures).splitlines())  # a line of a log may name folders
    return f"""\
## Killed under load

A hub on {wanted.database} with {wanted.clients} clients that write without a pause, killed {kills} times in {minutes:.0f}
minutes ({today()}, seed {wanted.seed}). Afterwards a checker compares what was acknowledged with what is there, and
`pioche fsck --deep` reads every byte.

```
{table}
```
"""


if __name__ == "__main__":
    raise SystemExit(main())
