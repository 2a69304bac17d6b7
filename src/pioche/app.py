"""The composition root: configuration -> stores -> services -> routes. The only file that knows everything; start here."""

import asyncio
import socket
import ssl
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pioche.accounts.avatars import Avatars
from pioche.accounts.callers import Callers
from pioche.accounts.directory import Directory, first_administrator
from pioche.accounts.letters import AccountLetters, QueueLetters
from pioche.accounts.noticing import NoteAccounts, NoteExpiring
from pioche.accounts.oidc import Oidc
from pioche.accounts.tokens import LastUsed
from pioche.community.letters import ThreadLetters
from pioche.community.notifying import Notify
from pioche.config import Config, prepare_ray
from pioche.db import instance, schema
from pioche.db.engine import Database
from pioche.errors import ConfigError, NotOffered, SandboxTooWeak
from pioche.events import BatchConsumer, Consumer
from pioche.git.store import GitStore
from pioche.http import openapi
from pioche.http.addresses import Addresses
from pioche.http.hub import Hub
from pioche.http.kernel import Kernel
from pioche.http.limits import Limits
from pioche.http.routes import Protocol
from pioche.imports.registry import Imports
from pioche.imports.running import ImportRepo
from pioche.imports.running import Limits as ImportLimits
from pioche.jobs.outbox import Dispatcher
from pioche.jobs.worker import Job, Worker
from pioche.keys import Keyring
from pioche.mail.message import Letterhead
from pioche.mail.sending import Send as SendLetter
from pioche.mail.smtp import Post
from pioche.moderation.audit import Audit, PruneAudit
from pioche.observe import metrics
from pioche.observe.traces import Tracer
from pioche.outbound.client import Client
from pioche.outbound.collector import Collector
from pioche.outbound.streams import Streams
from pioche.outbound.targets import Guard
from pioche.protocols.buckets import routes as buckets
from pioche.protocols.files import routes as files
from pioche.protocols.git import routes as git
from pioche.protocols.inference import routes as inference
from pioche.protocols.lfs import routes as lfs
from pioche.protocols.oauth import routes as oauth
from pioche.protocols.operations import routes as operations
from pioche.protocols.rest import routes as rest
from pioche.protocols.scim import routes as scim
from pioche.protocols.ssh.server import SshServer
from pioche.protocols.xet import routes as xet_routes
from pioche.render.renderer import Renderer
from pioche.repos.access import Access, Stores
from pioche.repos.catalog import Catalog
from pioche.repos.downloads import Downloads
from pioche.repos.gating.letters import GateLetters
from pioche.repos.gating.letters import QueueLetters as QueueGateLetters
from pioche.repos.preview.looking import PARSES
from pioche.repos.snapshots import Snapshots
from pioche.runner import sandbox as sandboxes
from pioche.runner.spec import Level
from pioche.search.query import Search
from pioche.search.remote import IndexSearch
from pioche.search.sql import SqlSearch
from pioche.serving import offers
from pioche.serving.cluster.placing import House, Placing
from pioche.serving.controller.cores import Cores
from pioche.serving.controller.deploying import Deployer
from pioche.serving.controller.exports import Exports
from pioche.serving.controller.fleet import Fleet, Starter
from pioche.serving.controller.fleet import Limits as FleetLimits
from pioche.serving.controller.local import Local
from pioche.serving.controller.service import Service as ControllerService
from pioche.serving.controller.warm import Warm
from pioche.serving.endpoints import finding as endpoints
from pioche.serving.endpoints.changing import Changing
from pioche.serving.endpoints.traffic import Traffic
from pioche.serving.external.outer import Outer
from pioche.serving.gateway import Gateway
from pioche.serving.leases import Leases
from pioche.serving.needs import missing_for_grpc
from pioche.serving.targets import Targets
from pioche.serving.usage import Usage
from pioche.spaces import flavours
from pioche.spaces.apps import Apps
from pioche.spaces.builds import building
from pioche.spaces.controller.house import House as AppHouse
from pioche.spaces.controller.keeper import Ways
from pioche.spaces.controller.version import Tools
from pioche.spaces.hosts import Hosts
from pioche.spaces.messages import Controller as AppController
from pioche.spaces.proxy.gate import Gate
from pioche.spaces.proxy.server import Proxy
from pioche.spaces.service import Directory as AppDirectory
from pioche.spaces.service import Service as SpacesService
from pioche.storage import ballast, incoming, quotas
from pioche.storage.blobs import BlobStore, HasSignedUrls, TakesGrants
from pioche.storage.blobs.local import LocalBlobs
from pioche.storage.contents import Contents
from pioche.storage.disk import Room
from pioche.storage.grants import Grants
from pioche.storage.quotas import Quotas
from pioche.storage.rebuilt import Rebuilt
from pioche.storage.uploads import Uploads
from pioche.storage.xet.conversion import Converter
from pioche.storage.xet.service import Xet
from pioche.upkeep import preparing
from pioche.upkeep.announcing import Announcements
from pioche.upkeep.backups import making, places, restoring
from pioche.upkeep.backups.places import Place
from pioche.upkeep.converting import ConvertFiles
from pioche.upkeep.deriving import DeriveAll, look_at_files, read_headers
from pioche.upkeep.health import Doctor
from pioche.upkeep.ranking import Rank
from pioche.upkeep.tidying import (
    Collect,
    CollectThoroughly,
    Journal,
    PruneEvents,
    Repack,
    RepackWhenScattered,
    Scrub,
    SweepImages,
    SweepIncoming,
    SweepSessions,
)
from pioche.web import assets
from pioche.web import routes as web
from pioche.webhooks import payloads
from pioche.webhooks.deliveries import History, PruneDeliveries
from pioche.webhooks.matching import Match
from pioche.webhooks.registry import Webhooks
from pioche.webhooks.sending import Send

if TYPE_CHECKING:
    from pioche.protocols.inference.grpc.server import GrpcServer
    from pioche.serving.cluster.serve import Serve

# Every table of routes. The order does not matter, but where no route matches the last dialect answers, a browser in the first.
PROTOCOLS: tuple[Protocol, ...] = (
    web.PROTOCOL,
    operations.PROTOCOL,
    files.PROTOCOL,
    git.PROTOCOL,
    lfs.PROTOCOL,
    xet_routes.TOKENS,
    xet_routes.CAS,
    buckets.PROTOCOL,
    scim.PROTOCOL,
    oauth.PROTOCOL,
    inference.TASKS,
    inference.OPENAI,
    inference.TEI,
    inference.TGI,
    inference.OIP,
    rest.PROTOCOL,
)

_BUILDS_MAX = 2
"""Apps that are built at the same time."""
_IMPORTS = 2
"""Repos that are imported at the same time: each takes what the line gives."""
_CALLS = 4
"""Webhooks that are called, and letters that are sent, at the same time: each may keep a thread waiting."""


def open_blobs(config: Config) -> BlobStore:
    """Where large files are kept, by `storage_url`. Raises ConfigError."""
    if not config.storage_url:
        return LocalBlobs(config.data_dir)
    with _extra_for("storage_url", "s3"):
        from pioche.storage.blobs.connect import open_store
    return open_store(config)


def check_store(config: Config) -> None:
    """Whether the object store that the settings name can be used, if they name one. Raises ConfigError."""
    if config.storage_url:
        with _extra_for("storage_url", "s3"):
            from pioche.storage.blobs.connect import check
        check(config)


@contextmanager
def _extra_for(key: str, extra: str) -> Iterator[None]:
    """The imports in the block need packages that not everybody installs. Raises ConfigError."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(key, f"this needs the extra {extra}: pip install 'pioche[{extra}]'") from error


def prepare(config: Config) -> None:
    """Once, before any process starts: folders, store, schema, instance. Raises ConfigError."""
    check_store(config)
    preparing.prepare(config)


def prepare_start(config: Config, *, is_alone: bool = True) -> str | None:
    """As `prepare`, by the one process that is about to start all others: tidies what the last run left behind, when no
    other node uses the folder.

    Returns the first administrator's one-time password when there was no user yet. Raises ConfigError.
    """
    prepare(config)
    _check_sandbox(config)
    _check_grpc(config)
    database = Database(config)
    try:
        if is_alone:
            incoming.sweep(database, config.data_dir, untouched_seconds=0)
        ballast.keep(config.data_dir)
        return first_administrator(database)
    finally:
        database.close()


def _check_sandbox(config: Config) -> None:
    """Whether this machine has the level that the settings ask for, if they ask for any. Raises ConfigError."""
    sandbox = sandboxes.of(config)
    if sandbox.least > Level.LIMITS:
        try:
            sandbox.demand()
        except SandboxTooWeak as error:
            raise ConfigError("sandbox", error.message) from None


def _check_grpc(config: Config) -> None:
    """Whether the packages for gRPC are there, where it is offered. Raises ConfigError. Loads none: gRPC begins threads."""
    absent = missing_for_grpc() if config.grpc_port else []
    if absent:
        raise ConfigError("grpc_port", f"this needs {' and '.join(absent)}: pip install 'pioche[grpc]'")


def build_hub(config: Config) -> Hub:
    """The services of one process over a prepared data folder."""
    database = Database(config)
    blobs = open_blobs(config)
    storage_quotas = _quotas(config, database)
    xet = Xet.over(database, blobs, file_bytes_max=config.lfs_file_bytes_max, storage_quotas=storage_quotas)
    rebuilt = Rebuilt(config.data_dir / "cache" / "files", config.cache_bytes_max)
    contents = Contents(database, blobs, xet.files, rebuilt)
    uploads = Uploads(database, contents, config.data_dir)
    stores = Stores(database, GitStore(config.data_dir / "git"), contents, storage_quotas)
    access = Access(stores)
    last_used, sessions_used = LastUsed(database), LastUsed(database, schema.sessions)
    keys_used = LastUsed(database, schema.ssh_keys)
    downloads, usage = Downloads(database), Usage(database)
    room = Room(config.data_dir, config.disk_reserve_bytes)
    announcements, avatars = Announcements(database), Avatars(database)
    models = Gateway.of(config)
    outer = Outer.of(config, database)
    traffic = Traffic(models, access, outer, endpoints.node(config))
    tracer = Tracer(Collector.of(config).send, config.otlp_percent) if config.otlp_endpoint else None
    redirects_to = blobs if config.storage_redirects == "on" and isinstance(blobs, HasSignedUrls) else None
    return Hub(
        config=config,
        database=database,
        keyring=Keyring(lambda: instance.signing_keys(database)),
        callers=Callers(database, used=last_used.record, session_used=sessions_used.record, key_used=keys_used.record),
        directory=Directory(database),
        oidc=Oidc(Client.of(config)),
        access=access,
        catalog=Catalog(stores, access),
        search=_search(config, database),
        downloads=downloads,
        usage=usage,
        apps=Apps(database, run=bool(config.spaces_port)),
        app_hosts=Hosts(config),
        app_controller=AppController(Path(config.spaces_socket) if config.spaces_socket else None),
        blobs=blobs,
        contents=contents,
        quotas=storage_quotas,
        uploads=uploads,
        room=room,
        sandbox=sandboxes.of(config),
        xet=xet,
        addresses=Addresses(config),
        buffers=(
            last_used,
            sessions_used,
            keys_used,
            downloads,
            usage,
            metrics.TALLY,
            contents.opened,
            announcements,
            storage_quotas,
            avatars,
            traffic,
            *(() if tracer is None else (tracer,)),  # last: who it sends to may be slow
        ),
        tracer=tracer,
        describe=partial(openapi.document, PROTOCOLS),
        doctor=Doctor(database, config.data_dir, room),
        renderer=Renderer(
            config.data_dir / "cache" / "render",
            cache_bytes_max=config.render_cache_bytes_max,
            workers=config.render_workers,
            parser=PARSES,
        ),
        announcements=announcements,
        avatars=avatars,
        webhooks=Webhooks(database, Guard.of(config)),
        deliveries=History(access),
        imports=Imports(database, Guard.of(config)),
        signed_downloads=redirects_to,
        store_origin=_origin(redirects_to),
        grants=_grants(config, database, uploads, blobs),
        limits=Limits.of(config, database),
        models=models,
        traffic=traffic,
        endpoints=Changing(access, models.targets, outer),
    )


def _origin(store: HasSignedUrls | None) -> str:
    """Of the addresses that a store signs: `https://host`."""
    if store is None:
        return ""
    parts = urlsplit(store.signed_get("x", seconds=1))
    return f"{parts.scheme}://{parts.netloc}"


def _search(config: Config, database: Database) -> Search:
    by_database = SqlSearch(database, offers.of(config))
    return IndexSearch(database, Path(config.search_socket), by_database) if config.search_socket else by_database


def _grants(config: Config, database: Database, uploads: Uploads, blobs: BlobStore) -> Grants | None:
    if config.storage_direct_uploads == "on" and isinstance(blobs, TakesGrants):
        return Grants(database, uploads, blobs, blobs)
    return None


# --- backups and moves ----------------------------------------------------------------------------------------------


def backup_source(config: Config, database: Database) -> making.Source:
    """What a backup is made of."""
    scratch = config.data_dir / "cache" / "backup"
    return making.Source(database, open_blobs(config), GitStore(config.data_dir / "git"), scratch)


def backup_place(config: Config, where: str) -> Place:
    """Where backups lie: a folder, or an object store as `storage_url` names one. Raises ConfigError."""
    if "://" in where:
        return Place(open_blobs(replace(config, storage_url=where)), config.data_dir / "cache" / "backup" / "out")
    folder = Path(where).absolute()
    places.check_folder(folder, config.data_dir)
    return Place(LocalBlobs(folder), folder / "incoming", private=True)


def restore_target(config: Config, database: Database) -> restoring.Target:
    """What a backup is restored into."""
    return restoring.Target(database, open_blobs(config), GitStore(config.data_dir / "git"), config.data_dir)


def moving_place(config: Config, storage_url: str) -> Place:
    """Where large files move to: what `storage_url` names, or the data folder when it is empty. Raises ConfigError."""
    if storage_url:
        return Place(open_blobs(replace(config, storage_url=storage_url)), config.data_dir / "cache" / "moving")
    return Place(LocalBlobs(config.data_dir), config.data_dir / "incoming")


def build_app(config: Config) -> Kernel:
    """The ASGI application of one web process."""
    assets.load()  # compared to what was built, before the first page
    return Kernel(build_hub(config), PROTOCOLS)


def build_ssh(config: Config) -> SshServer:
    """What the process for git over SSH runs."""
    return SshServer(build_hub(config))


def build_grpc(config: Config) -> "GrpcServer":
    """What the process for gRPC runs. Raises ConfigError where the extra for it is not installed."""
    with _extra_for("grpc_port", "grpc"):
        from pioche.protocols.inference.grpc.server import GrpcServer
    return GrpcServer(build_hub(config))


def build_controller(config: Config) -> ControllerService:
    """What the process for inference runs."""
    access = Access(_plain_stores(config))
    sandbox, folder = sandboxes.of(config), _inference_folder(config)
    exports = Exports(_leases(config, access), sandbox, folder / "exports", is_on=config.inference_export == "on")
    limits = FleetLimits(config.inference_memory, config.inference_idle_seconds, config.inference_code_seconds)
    fleet = Fleet(build_starter(config, access, exports), limits)
    targets = Targets(config.inference_cores, runs_code=config.runs_code)
    outer = Outer.of(config, access.stores.database)
    deployer = Deployer(access, fleet, targets, outer, endpoints.node(config), config.inference_idle_seconds)
    return ControllerService(fleet, deployer, exports, Path(config.inference_socket))


def build_starter(config: Config, access: Access, exports: Exports | None = None) -> Starter:
    """What places workers of models: the only choice of a backend that there is."""
    folder, leases = _inference_folder(config), _leases(config, access)
    if config.inference_backend == "ray":
        # Whose applications they are: hubs may share a host, and a cluster.
        prefix = f"pioche-{socket.gethostname()}-{zlib.crc32(str(config.data_dir.resolve()).encode()):08x}-"
        house = House(config.ray_url, config.sandbox, config.data_dir)
        return Placing(leases, lambda: _ray(config, prefix), prefix, house)
    sandbox = sandboxes.of(config)
    warm = Warm(sandbox, folder / "files", config.inference_memory, config.inference_idle_seconds)
    return Local(leases, warm, folder / "workers", Cores(), exports)


def build_spaces(config: Config) -> SpacesService:
    """What the process for Spaces runs. Raises ConfigError for hardware that cannot be read."""
    stores = _plain_stores(config)
    access, sandbox, hosts = Access(stores), sandboxes.of(config), Hosts(config)
    local = config.host in ("", "0.0.0.0", "::", "localhost")  # noqa: S104 - looked for, not bound
    scheme = "https" if config.tls_cert else "http"
    tools = Tools(
        access=access,
        apps=Apps(stores.database),
        snapshots=Snapshots(config.data_dir / "cache" / "spaces" / "files", config.spaces_files_bytes_max),
        builder=building.of(config, sandbox),
        sandbox=sandbox,
        hosts=hosts,
        hub=f"{scheme}://{'127.0.0.1' if local else config.host}:{config.port}",
    )
    ways = Ways(
        tools,
        flavours.declared(config.spaces_hardware),
        config.spaces_sleep_seconds,
        asyncio.Semaphore(_BUILDS_MAX),
        ThreadPoolExecutor(1, "stages"),
    )
    house = AppHouse(ways, access)
    keyring = Keyring(lambda: instance.signing_keys(stores.database))
    gate = Gate(access, Callers(stores.database), keyring)
    find = AppDirectory(house).find
    proxy = Proxy(hosts, gate, find, config.port, scheme=scheme, public_url=config.public_url.rstrip("/"))
    return SpacesService(house, proxy, Path(config.spaces_socket), _tls(config))


def _tls(config: Config) -> ssl.SSLContext | None:
    if not config.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(config.tls_cert, config.tls_key)
    return context


def _inference_folder(config: Config) -> Path:
    return config.data_dir / "cache" / "inference"


def _leases(config: Config, access: Access) -> Leases:
    snapshots = Snapshots(_inference_folder(config) / "files", config.inference_cache_bytes_max)
    return Leases(access=access, snapshots=snapshots, runs_code=config.runs_code)


def _ray(config: Config, prefix: str) -> "Serve":
    """Raises NotOffered where the extra for it is not installed."""
    folder = Path(tempfile.mkdtemp(prefix="pioche-ray-"))  # a path of its sockets has to be short
    prepare_ray(folder)
    try:
        from pioche.serving.cluster.serve import Cluster, Serve
    except ImportError as error:
        raise NotOffered(
            f"Models are to run on Ray, which is not installed: pip install pioche[ray] ({error})"
        ) from None
    return Serve(Cluster(config.ray_address, config.ray_url, folder), prefix)


def _plain_stores(config: Config) -> Stores:
    """To read from."""
    database = Database(config)
    blobs = open_blobs(config)
    xet = Xet.over(database, blobs, file_bytes_max=config.lfs_file_bytes_max)
    rebuilt = Rebuilt(config.data_dir / "cache" / "files", config.cache_bytes_max)
    return Stores(database, GitStore(config.data_dir / "git"), Contents(database, blobs, xet.files, rebuilt))


@dataclass(frozen=True, slots=True)
class Work:
    """What the jobs process does: `worker` runs jobs, `caller` those that wait for other people's servers, `importer` those
    that fetch from there for hours, `dispatcher` delivers events."""

    worker: Worker
    caller: Worker
    importer: Worker
    dispatcher: Dispatcher


def build_work(config: Config) -> Work:
    """The table of consumers and the table of jobs."""
    database = Database(config)
    blobs, git = open_blobs(config), GitStore(config.data_dir / "git")
    xet = Xet.over(database, blobs, file_bytes_max=config.lfs_file_bytes_max)
    converter = Converter(database, blobs, xet.files, xet.uploads, config.data_dir / "incoming")
    access = Access(Stores(database, git, Contents(database, blobs, xet.files)))
    consumers: tuple[Consumer | BatchConsumer, ...] = (
        Journal(),
        RepackWhenScattered(database, git),
        Match(access, payloads.base_url(config)),
        Notify(access, sends_mail=config.sends_mail),
        Audit(database),
        NoteAccounts(database, sends_mail=config.sends_mail),
        *letter_queues(config, database),
    )
    dispatcher = Dispatcher(database, consumers)
    jobs: tuple[Job, ...] = (
        SweepIncoming(database, config.data_dir, blobs if isinstance(blobs, TakesGrants) else None),
        SweepSessions(database),
        SweepImages(database),
        PruneEvents(dispatcher),
        Rank(database),
        Repack(database, git),
        Collect(config, database, blobs, git),
        CollectThoroughly(config, database, blobs, git),
        Scrub(config, database, blobs),
        ConvertFiles(database, converter, idle_seconds=config.convert_idle_seconds),
        read_headers(access),
        look_at_files(access),
        DeriveAll(database, access),
        PruneDeliveries(database),
        PruneAudit(database, days=config.audit_days),
        NoteExpiring(database, sends_mail=config.sends_mail),
    )
    calls: tuple[Job, ...] = (Send(access, Client.of(config)), letters_job(config, access))
    worker = Worker(database, jobs, abandons=(Scrub.kind, ConvertFiles.kind))
    return Work(worker, Worker(database, calls, threads=_CALLS), build_importer(config, database), dispatcher)


def letter_queues(config: Config, database: Database) -> tuple[Consumer, ...]:
    """Who queues letters about what happens: nobody, where the hub sends none."""
    return (QueueLetters(database), QueueGateLetters(database)) if config.sends_mail else ()


def letters_job(config: Config, access: Access) -> SendLetter:
    """Every kind of letter."""
    head = Letterhead.of(config)
    about_accounts = AccountLetters(access.stores.database, head, sign_up=config.sign_up)
    kinds = {**about_accounts.kinds, **GateLetters(access, head).kinds, **ThreadLetters(access, head).kinds}
    return SendLetter(Post.of(config), kinds)


def build_importer(config: Config, database: Database) -> Worker:
    """Runs imports. One that is under way when it stops is the next process's at once, and goes on where it was."""
    blobs = open_blobs(config)
    xet = Xet.over(database, blobs, file_bytes_max=config.lfs_file_bytes_max)
    contents = Contents(database, blobs, xet.files)
    access = Access(Stores(database, GitStore(config.data_dir / "git"), contents, _quotas(config, database)))
    job = ImportRepo(
        access,
        Imports(database, Guard.of(config)),
        Streams.of(config),
        config.data_dir / "incoming",
        Room(config.data_dir, config.disk_reserve_bytes),
        ImportLimits.of(config),
    )
    return Worker(database, (job,), threads=_IMPORTS, abandons=(ImportRepo.kind,))


def _quotas(config: Config, database: Database) -> Quotas:
    limits = quotas.Limits(config.storage_max_user, config.storage_max_org, config.storage_max_repo)
    return Quotas(database, limits, kept_seconds=config.gc_grace_hours * 3600)
