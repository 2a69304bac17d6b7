"""What every step of a collection works with."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import Unavailable
from pioche.git.store import GitStore
from pioche.storage import collection
from pioche.storage.blobs import BlobStore
from pioche.upkeep.collection.options import Options, Times
from pioche.upkeep.collection.report import Reason, Report
from pioche.upkeep.progress import Progress

T = TypeVar("T")
BATCH = 500


@dataclass(slots=True)
class Gone:
    """What this run has taken out of use, or would have: later steps count it as absent. Names of what was in deleted
    repos are kept apart: those had their grace already."""

    repos: dict[int, str] = field(default_factory=dict)
    links: dict[str, set[int]] = field(default_factory=dict)
    contents: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    of_deleted: dict[str, str] = field(default_factory=dict)
    """sha256 or xorb hash, and the repo that held it."""
    of_links: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Context:
    """One run."""

    database: Database
    blobs: BlobStore
    git: GitStore
    options: Options
    times: Times
    progress: Progress
    report: Report
    still_held: Callable[[], None]
    """Raises `leases.Lost` when another process may be collecting by now."""
    gone: Gone = field(default_factory=Gone)

    def before_removal(self) -> None:
        """Called in each transaction that removes something. Raises Lost, and Unavailable when the clock went back: then
        nobody can tell what is young."""
        self.still_held()
        if now_ms() < self.times.started:
            raise Unavailable("The clock went back while collecting: run it again")

    def put_away(self, key: str, size: int, name: str) -> None:
        """After the commit that condemned `key`: into quarantine, or away for good where it had its grace. `name` is
        what `gone` knows it by."""
        if self.options.now or name in self.gone.of_deleted:
            self.report.freed += collection.destroy(self.database, self.blobs, key)
        else:
            collection.lay_away(self.database, self.blobs, key)
            self.report.waiting += size

    def account(self, name: str, size: int) -> None:
        """Says in the report why `name` (a sha256, a xorb hash) goes."""
        if name in self.gone.of_deleted:
            self.report.add(Reason.DELETED_REPO, size, self.gone.of_deleted[name])
        elif name in self.gone.of_links:
            self.report.add(Reason.UNREACHABLE, size, self.gone.of_links[name])
        else:
            self.report.add(Reason.ABANDONED, size)


def batches(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """Pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
