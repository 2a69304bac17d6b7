"""The services that handlers may call, in one frozen record that `pioche.app` fills."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pioche.accounts.avatars import Avatars
from pioche.accounts.callers import Callers
from pioche.accounts.directory import Directory
from pioche.accounts.oidc import Oidc
from pioche.community.live import Versions
from pioche.config import Config
from pioche.db.engine import Database
from pioche.http.addresses import Addresses
from pioche.http.buffers import Buffer
from pioche.http.encoded import EncodedRows
from pioche.http.limits import Limits
from pioche.imports.registry import Imports
from pioche.keys import Keyring
from pioche.observe.traces import Tracer
from pioche.render.renderer import Renderer
from pioche.repos.access import Access
from pioche.repos.catalog import Catalog
from pioche.repos.downloads import Downloads
from pioche.runner.sandbox import Sandbox
from pioche.search.query import Search
from pioche.serving.endpoints.changing import Changing
from pioche.serving.endpoints.traffic import Traffic
from pioche.serving.gateway import Gateway
from pioche.serving.usage import Usage
from pioche.spaces.apps import Apps
from pioche.spaces.hosts import Hosts
from pioche.spaces.messages import Controller
from pioche.storage.blobs import BlobStore, HasSignedUrls
from pioche.storage.contents import Contents
from pioche.storage.disk import Room
from pioche.storage.grants import Grants
from pioche.storage.quotas import Quotas
from pioche.storage.uploads import Uploads
from pioche.storage.xet.service import Xet
from pioche.upkeep.announcing import Announcements
from pioche.upkeep.health import Doctor
from pioche.webhooks.deliveries import History
from pioche.webhooks.registry import Webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """One hub. Protocols reach everything below through it, and nothing else."""

    config: Config
    database: Database
    keyring: Keyring
    callers: Callers
    directory: Directory
    oidc: Oidc
    access: Access
    catalog: Catalog
    search: Search
    downloads: Downloads
    usage: Usage
    apps: Apps
    app_hosts: Hosts
    app_controller: Controller
    blobs: BlobStore
    contents: Contents
    quotas: Quotas
    uploads: Uploads
    room: Room
    xet: Xet
    addresses: Addresses
    doctor: Doctor
    describe: Callable[[str], dict[str, Any]]
    """The OpenAPI document of the hub at an address (`http.openapi`)."""
    renderer: Renderer
    announcements: Announcements
    avatars: Avatars
    webhooks: Webhooks
    deliveries: History
    imports: Imports
    models: Gateway
    """Has models answer."""
    traffic: Traffic
    """Has endpoints answer."""
    endpoints: Changing
    """Makes and changes endpoints."""
    sandbox: Sandbox
    """What this machine can lock in: web processes ask, and start nothing in it."""
    tracer: Tracer | None = None
    """None where requests are not traced."""
    store_origin: str = ""
    """Where `signed_downloads` leads to, as `https://host`: what a page's policy has to let pictures come from."""
    signed_downloads: HasSignedUrls | None = None
    """The store, when clients are to fetch from it by themselves (`storage_redirects`)."""
    grants: Grants | None = None
    """When clients are to send to the store by themselves (`storage_direct_uploads`)."""
    buffers: tuple[Buffer, ...] = ()
    """What the kernel flushes every ten seconds."""
    encoded_rows: EncodedRows = field(default_factory=EncodedRows)
    """What lists have shown."""
    limits: Limits | None = None
    """None where requests are not counted."""
    thread_versions: Versions = field(default_factory=Versions)
    """Of the threads that somebody looks at now."""
    ending: threading.Event = field(default_factory=threading.Event)
    """Set when this process is asked to end: it waits for requests in flight, so streams that wait for news end by themselves."""
