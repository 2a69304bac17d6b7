"""A collection from beginning to end."""

from collections.abc import Callable

from pioche.config import Config
from pioche.db.engine import Database
from pioche.git.store import GitStore
from pioche.storage import ballast
from pioche.storage.blobs import BlobStore
from pioche.upkeep.collection import contents, leftovers, links, packs, repacking, repos, xorbs
from pioche.upkeep.collection.context import Context
from pioche.upkeep.collection.options import Options, Times
from pioche.upkeep.collection.report import Report
from pioche.upkeep.progress import SILENT, Progress


class Collector:
    """Over the stores of one hub."""

    def __init__(self, config: Config, database: Database, blobs: BlobStore, git: GitStore) -> None:
        self._config = config
        self._database = database
        self._blobs = blobs
        self._git = git

    def make_room(self) -> None:
        """Where the disk is full: enough for the rows that `run` and its lease have to write."""
        leftovers.make_room(self._config.data_dir)

    def run(
        self, options: Options, *, still_held: Callable[[], None] = lambda: None, progress: Progress = SILENT
    ) -> Report:
        """Removes what may go, or says what would (`dry_run`). The caller holds the lease; `still_held` is its `check`.

        Raises Lost, Unavailable, OutOfSpace: what was done until then stays done, and the next run goes on.
        """
        times, report = Times.of(self._config, options), Report(options.dry_run)
        run = Context(self._database, self._blobs, self._git, options, times, progress, report, still_held)
        leftovers.sweep_incoming(run, self._config.data_dir)
        leftovers.collect_quarantine(run)
        repos.collect(run)
        links.collect(run)
        contents.collect(run)
        xorbs.collect(run)
        if options.thorough:
            packs.collect(run)
        if options.thorough and options.repo_ids is None:
            _look_through_everything(run)
        if not options.dry_run:
            ballast.keep(self._config.data_dir)
        return report


def _look_through_everything(run: Context) -> None:
    repacking.collect(run)
    if run.options.now and not run.options.dry_run:
        xorbs.collect(run)  # those that were written anew just now
    repos.collect_folders(run)
    leftovers.collect_orphans(run)
    leftovers.collect_shards(run)
