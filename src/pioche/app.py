"""The composition root: configuration -> stores -> services -> routes. The only file that knows everything; start here."""

from dataclasses import dataclass

from pioche.accounts.callers import Callers
from pioche.accounts.directory import Directory, first_administrator
from pioche.accounts.tokens import LastUsed
from pioche.config import Config, prepare_data_dir
from pioche.db import instance, migrate
from pioche.db.engine import Database
from pioche.events import Consumer
from pioche.git.store import GitStore
from pioche.http.addresses import Addresses
from pioche.http.hub import Hub
from pioche.http.kernel import Kernel
from pioche.http.routes import Protocol
from pioche.jobs.outbox import Dispatcher
from pioche.jobs.worker import Job, Worker
from pioche.keys import Keyring
from pioche.observe import metrics
from pioche.protocols.buckets import routes as buckets
from pioche.protocols.files import routes as files
from pioche.protocols.git import routes as git
from pioche.protocols.lfs import routes as lfs
from pioche.protocols.operations import routes as operations
from pioche.protocols.rest import routes as rest
from pioche.protocols.xet import routes as xet_routes
from pioche.repos.access import Access, Stores
from pioche.repos.catalog import Catalog
from pioche.storage import incoming
from pioche.storage.blobs.local import LocalBlobs
from pioche.storage.contents import Contents
from pioche.storage.uploads import Uploads
from pioche.storage.xet.service import Xet
from pioche.upkeep.health import Doctor
from pioche.upkeep.tidying import Collect, Journal, PruneEvents, Repack, RepackWhenScattered, SweepIncoming
from pioche.web import routes as web

# Every table of routes. The order does not matter, but the last dialect answers where no route matches.
PROTOCOLS: tuple[Protocol, ...] = (
    web.PROTOCOL,
    operations.PROTOCOL,
    files.PROTOCOL,
    git.PROTOCOL,
    lfs.PROTOCOL,
    xet_routes.TOKENS,
    xet_routes.CAS,
    buckets.PROTOCOL,
    rest.PROTOCOL,
)


def prepare(config: Config) -> None:
    """Once, before any process starts: folders, schema, instance. Raises ConfigError."""
    prepare_data_dir(config)
    database = Database(config)
    try:
        migrate.upgrade(database)
        instance.prepare(database)
    finally:
        database.close()


def prepare_start(config: Config) -> str | None:
    """As `prepare`, by the one process that is about to start all others: tidies what the last run left behind.

    Returns the first administrator's one-time password when there was no user yet. Raises ConfigError.
    """
    prepare(config)
    database = Database(config)
    try:
        incoming.sweep(database, config.data_dir, untouched_seconds=0)
        return first_administrator(database)
    finally:
        database.close()


def build_hub(config: Config) -> Hub:
    """The services of one process over a prepared data folder."""
    database = Database(config)
    blobs = LocalBlobs(config.data_dir)
    xet = Xet.over(database, blobs, file_bytes_max=config.lfs_file_bytes_max)
    contents = Contents(database, blobs, xet.files)
    stores = Stores(database, GitStore(config.data_dir / "git"), contents)
    access = Access(stores)
    last_used = LastUsed(database)
    return Hub(
        config=config,
        database=database,
        keyring=Keyring(lambda: instance.signing_keys(database)),
        callers=Callers(database, used=last_used.record),
        directory=Directory(database),
        access=access,
        catalog=Catalog(stores, access),
        blobs=blobs,
        contents=contents,
        uploads=Uploads(database, contents, config.data_dir),
        xet=xet,
        addresses=Addresses(config),
        buffers=(last_used, metrics.TALLY),
        doctor=Doctor(database, config.data_dir),
    )


def build_app(config: Config) -> Kernel:
    """The ASGI application of one web process."""
    return Kernel(build_hub(config), PROTOCOLS)


@dataclass(frozen=True, slots=True)
class Work:
    """What the jobs process does: `worker` runs jobs, `dispatcher` delivers events."""

    worker: Worker
    dispatcher: Dispatcher


def build_work(config: Config) -> Work:
    """The table of consumers and the table of jobs."""
    database = Database(config)
    git = GitStore(config.data_dir / "git")
    consumers: tuple[Consumer, ...] = (Journal(), RepackWhenScattered(database, git))
    dispatcher = Dispatcher(database, consumers)
    jobs: tuple[Job, ...] = (
        SweepIncoming(database, config.data_dir),
        PruneEvents(dispatcher),
        Repack(git),
        Collect(config, database, LocalBlobs(config.data_dir), git),
    )
    return Work(Worker(database, jobs), dispatcher)
