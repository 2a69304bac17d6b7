"""Jobs and a consumer that tidy up by themselves, while the hub runs."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pioche.accounts import exchanging, failures, invitations, org_invitations, permits, sessions
from pioche.accounts.oauth import codes, devices
from pioche.accounts.oauth import grants as oauth_grants
from pioche.config import Config
from pioche.db import schema
from pioche.db.engine import Database
from pioche.events import Event
from pioche.git.store import GitStore
from pioche.jobs import leases, queue
from pioche.jobs.outbox import Dispatcher
from pioche.observe import log, metrics
from pioche.storage import grants, images, incoming, quotas
from pioche.storage.blobs import BlobStore
from pioche.upkeep.collection import usage
from pioche.upkeep.collection.options import Options
from pioche.upkeep.collection.run import Collector
from pioche.upkeep.fsck.scene import Scene
from pioche.upkeep.scrub import Scrubber

_REPACK_LATER_MS = 60_000
_PACKS_MAX = 50  # readers look through every pack: past this, joining them pays (performance.md section 3)
_THOROUGH_SECONDS = 86_400
_UNTOUCHED_SECONDS = 3600.0
_SCRUB_LOOK_SECONDS = 3600
_SCRUB_SLICE_SECONDS = 20.0


class SweepIncoming:
    """Removes expired uploads, what broken-off requests left behind, and the room that was reserved for them."""

    kind = "incoming.sweep"
    attempts_max = 3
    every_seconds: int | None = 1800

    def __init__(self, database: Database, data_dir: Path, blobs: BlobStore | None = None) -> None:
        """`blobs`: a store that clients may write to, whose `incoming/` is swept as well."""
        self._database = database
        self._data_dir = data_dir
        self._blobs = blobs

    def run(self, key: str, payload: dict[str, Any]) -> None:
        count = incoming.sweep(self._database, self._data_dir, untouched_seconds=_UNTOUCHED_SECONDS)
        if self._blobs is not None:
            count += grants.sweep(self._database, self._blobs, untouched_seconds=_UNTOUCHED_SECONDS)
        quotas.sweep(self._database)
        if count:
            log.info("incoming swept", count=count)


class SweepSessions:
    """Removes sessions, invitations and what applications got past their time, failures to sign in that do not count any
    more, counts of requests in windows that are over, and what was kept of jobs that were given a token."""

    kind = "sessions.sweep"
    attempts_max = 3
    every_seconds: int | None = 3600

    def __init__(self, database: Database) -> None:
        self._database = database

    def run(self, key: str, payload: dict[str, Any]) -> None:
        sessions.sweep(self._database)
        failures.sweep(self._database)
        invitations.sweep(self._database)
        org_invitations.sweep(self._database)
        permits.sweep(self._database)
        exchanging.sweep(self._database)
        devices.sweep(self._database)
        codes.sweep(self._database)
        oauth_grants.sweep(self._database)


class SweepImages:
    """Forgets pictures that were sent for a comment and came into none; collection frees their bytes."""

    kind = "images.sweep"
    attempts_max = 3
    every_seconds: int | None = 3600

    def __init__(self, database: Database) -> None:
        self._database = database

    def run(self, key: str, payload: dict[str, Any]) -> None:
        count = images.sweep(self._database)
        if count:
            log.info("pictures forgotten", count=count)


class Collect:
    """Garbage collection (`upkeep.collection`). While a backup or another collection is at work it waits for the next
    turn."""

    kind = "gc"
    attempts_max = 1
    options = Options(thorough=False)
    wait_seconds = 0

    def __init__(self, config: Config, database: Database, blobs: BlobStore, git: GitStore) -> None:
        self.every_seconds: int | None = config.gc_seconds or None
        self._database = database
        self._collector = Collector(config, database, blobs, git)

    def run(self, key: str, payload: dict[str, Any]) -> None:
        try:
            with leases.held(self._database, leases.COLLECTION, "gc", wait_seconds=self.wait_seconds) as lease:
                report = self._collector.run(self.options, still_held=lease.check)
        except leases.Busy as busy:
            log.info("not collected", reason=busy.message)
            return
        with self._database.read() as connection:
            metrics.stored(usage.stored(connection))
        log.info("collected", freed=report.freed, waiting=report.waiting, skipped=len(report.skipped))


class Scrub:
    """Reads what is stored (`upkeep.scrub`), a slice at a time, so that other jobs get their turn."""

    kind = "scrub"
    attempts_max = 3

    def __init__(self, config: Config, database: Database, blobs: BlobStore) -> None:
        wanted = config.scrub_days and config.scrub_bytes_per_second
        self.every_seconds: int | None = _SCRUB_LOOK_SECONDS if wanted else None
        self._database = database
        self._scrubber = Scrubber(
            Scene(config, database, blobs),
            bytes_per_second=config.scrub_bytes_per_second,
            period_ms=config.scrub_days * 86_400_000,
        )

    def run(self, key: str, payload: dict[str, Any]) -> None:
        if self.every_seconds is not None and self._scrubber.run(seconds=_SCRUB_SLICE_SECONDS):
            with self._database.write() as connection:
                queue.enqueue(connection, self.kind)


class CollectThoroughly(Collect):
    """Once a day also what takes a look at every file, every repo's git objects and every xorb."""

    kind = "gc.thorough"
    options = Options()
    wait_seconds = 600

    def __init__(self, config: Config, database: Database, blobs: BlobStore, git: GitStore) -> None:
        super().__init__(config, database, blobs, git)
        if self.every_seconds is not None:
            self.every_seconds = max(self.every_seconds, _THOROUGH_SECONDS)


class PruneEvents:
    """Removes events that everybody has seen and that are a week old."""

    kind = "events.prune"
    attempts_max = 3
    every_seconds: int | None = 3600

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def run(self, key: str, payload: dict[str, Any]) -> None:
        self._dispatcher.prune()


class Repack:
    """Joins a repo's packs. The key is the repo's uid. Not beside a collection, which removes packs too."""

    kind = "git.repack"
    attempts_max = 5
    every_seconds: int | None = None

    def __init__(self, database: Database, git: GitStore) -> None:
        self._database = database
        self._git = git

    def run(self, key: str, payload: dict[str, Any]) -> None:
        if self._git.pack_count(key) <= _PACKS_MAX:
            return
        try:
            with leases.held(self._database, leases.COLLECTION, "repack"):
                self._git.repack(key)
        except leases.Busy:
            with self._database.write() as connection:
                queue.enqueue(connection, self.kind, key, delay_ms=_REPACK_LATER_MS)


class RepackWhenScattered:
    """Puts a `Repack` in for a repo whose content changed and that has many packs."""

    name = "repack"

    def __init__(self, database: Database, git: GitStore) -> None:
        self._database = database
        self._git = git

    def handle(self, event: Event) -> None:
        if event.kind != "repo.content.update":
            return
        repos = schema.repos
        with self._database.read() as connection:
            uid = connection.execute(sa.select(repos.c.uid).where(repos.c.id == event.repo_id)).scalar()
        if uid is not None and self._git.pack_count(uid) > _PACKS_MAX:
            with self._database.write() as connection:
                queue.enqueue(connection, Repack.kind, uid)


class Journal:
    """Every event as a line of the log: what, where, who. What it carries is not logged: names are in there."""

    name = "journal"

    def handle(self, event: Event) -> None:
        log.info("event", kind=event.kind, event_id=event.id, repo_id=event.repo_id, actor_id=event.actor_id)
