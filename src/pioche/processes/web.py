"""A web process: Granian in this process's own event loop, one per process (not Granian's process manager: ours
restarts each process alone, and ends them with the supervisor)."""

import asyncio
import gc
import resource
import signal
from pathlib import Path
from typing import Any

import uvloop
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from pioche import app
from pioche.config import Config
from pioche.http.kernel import Kernel
from pioche.processes import child, draining, listening
from pioche.storage.opened import FILES_MAX

_COLLECTED_EVERY = 20_000  # new containers; Python's own 700 are a dozen requests
_BACKLOG = 2048
_CONNECTIONS_MAX = 8192
_DESCRIPTORS_KEPT = 40 + FILES_MAX  # database, logs, git repos being opened; and files that are held open
# The most that a connection's body is read by at once: each piece costs several switches between threads. Also of headers,
# past which hyper answers 431; the kernel's own limit is lower and says more.
_READ_BUFFER_BYTES = 512 * 1024

# Granian's own handlers print to standard output; its lines go where ours go instead.
_LOGGERS = {name: {"handlers": [], "level": "WARNING", "propagate": True} for name in ("_granian", "granian.access")}


def run(config: Config) -> None:
    """Serves until SIGTERM, then until the requests in flight are answered. Raises SystemExit when it cannot listen."""
    application = app.build_app(config)
    # What is there now stays: the collector need not look at it again, nor at every few requests.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED_EVERY)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(application, config))


async def _serve(application: Kernel, config: Config) -> None:
    server = Server(application, **granian_settings(config))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, loop, server, application)
    child.receive_signals()
    await server.serve()
    if server.interrupt_children:  # it stopped by itself: the port could not be listened on
        raise SystemExit(1)


def _stop(loop: asyncio.AbstractEventLoop, server: Server, application: Kernel) -> None:
    """What is in flight is answered, and what was on its way here too."""
    application.hub.ending.set()
    port = application.hub.config.port
    loop.call_later(draining.SETTLING_SECONDS if draining.close_door(port) else 0.0, server.stop)


def granian_settings(config: Config) -> dict[str, Any]:
    """How every web process listens; the benchmarks run their bare application with the same."""
    return {
        "address": listening.address_of(config.host),
        "port": config.port,
        "interface": Interfaces.ASGI,
        "http": HTTPModes.http1,
        "websockets": False,
        "backlog": _BACKLOG,
        "backpressure": _connections_max(),
        "http1_settings": HTTP1Settings(
            header_read_timeout=config.header_seconds * 1000, max_buffer_size=_READ_BUFFER_BYTES
        ),
        "ssl_cert": Path(config.tls_cert) if config.tls_cert else None,
        "ssl_key": Path(config.tls_key) if config.tls_key else None,
        "ssl_protocol_min": SSLProtocols.tls12,
        "log_level": LogLevels.error,  # "Embedded server is experimental!" at every start is no news
        "log_dictconfig": {"loggers": _LOGGERS, "handlers": {}, "formatters": {}},
    }


def _connections_max() -> int:
    """Granian counts connections; more than that wait in the backlog. Each may hold a file open beside its socket."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return _CONNECTIONS_MAX
    return max(4, min(_CONNECTIONS_MAX, (descriptors - _DESCRIPTORS_KEPT) // 2))
