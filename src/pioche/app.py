"""The composition root: configuration -> stores -> services -> routes. The only file that knows everything; start here."""

from pioche.accounts.callers import Callers
from pioche.accounts.directory import Directory
from pioche.config import Config, prepare_data_dir
from pioche.db import instance, migrate
from pioche.db.engine import Database
from pioche.git.store import GitStore
from pioche.http.addresses import Addresses
from pioche.http.hub import Hub
from pioche.http.kernel import Kernel
from pioche.http.routes import Protocol
from pioche.keys import Keyring
from pioche.protocols.rest import routes as rest
from pioche.protocols.xet import routes as xet_routes
from pioche.repos.access import Access, Stores
from pioche.repos.catalog import Catalog
from pioche.storage.blobs.local import LocalBlobs
from pioche.storage.contents import Contents
from pioche.storage.xet.service import Xet
from pioche.web import routes as web

# Every table of routes. The order does not matter, but the last dialect answers where no route matches.
PROTOCOLS: tuple[Protocol, ...] = (web.PROTOCOL, xet_routes.TOKENS, xet_routes.CAS, rest.PROTOCOL)


def prepare(config: Config) -> None:
    """Once, before any process starts: folders, schema, instance. Raises ConfigError."""
    prepare_data_dir(config)
    database = Database(config)
    try:
        migrate.upgrade(database)
        instance.prepare(database)
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
    return Hub(
        config=config,
        database=database,
        keyring=Keyring(lambda: instance.signing_keys(database)),
        callers=Callers(database),
        directory=Directory(database),
        access=access,
        catalog=Catalog(stores, access),
        blobs=blobs,
        contents=contents,
        xet=xet,
        addresses=Addresses(config),
    )


def build_app(config: Config) -> Kernel:
    """The ASGI application of one web process."""
    return Kernel(build_hub(config), PROTOCOLS)
