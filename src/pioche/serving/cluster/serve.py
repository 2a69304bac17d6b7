"""Ray Serve, as much of it as is needed: the only module that knows it. Everything here blocks, and belongs in a thread."""

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ray
from ray import serve

from pioche.serving.cluster.front import Front
from pioche.serving.cluster.orders import Order, encoder, order_decoder

_MIB = 2**20
_OBJECTS_BYTES = 100 * _MIB
"""What Ray passes around: none of ours."""
_CORES_OWN = 64
"""As Ray counts them, of a cluster on this machine: it is the hub's budget of memory that keeps workers in bounds."""
_ONGOING_MAX = 10_000
"""The worker has its own queue."""


class Replica:
    """What Ray starts on a node."""

    def __init__(self, order: bytes) -> None:
        self._front = Front(order_decoder.decode(order))

    def __serve_build_asgi_app__(self) -> Front:
        """Ray's name for it."""
        return self._front


def application(kind: type[Any], args: dict[str, Any], *, cores: int) -> Any:
    """One of `kind`, which has an ASGI application, for a config file of Serve."""
    ingress: Any = serve.deployment(serve.ingress()(kind))
    wanted = ingress.options(
        name=kind.__name__, ray_actor_options={"num_cpus": cores}, max_ongoing_requests=_ONGOING_MAX
    )
    return wanted.bind(args)


@dataclass(frozen=True, slots=True)
class Cluster:
    """`address` as `ray.init` takes it; empty: one of this process' own, that ends with it. `url` is where Serve answers; `folder`
    has files of its proxy (`config.prepare_ray`), and goes with the connection."""

    address: str
    url: str
    folder: Path


class Serve:
    """A connection to a cluster; made with the first worker. Methods may be called from any thread."""

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self._cluster = cluster
        self._prefix = prefix
        """Of the names of all applications that are this node's."""
        self._lock = threading.Lock()
        self._is_connected = False
        self._ingress: Any = None

    def run(self, name: str, order: Order) -> None:
        """Asks for an application; Ray starts it when there is room."""
        self._connect()
        wanted = {"num_cpus": order.spec.threads, "memory": order.memory_bytes}
        deployment = self._ingress.options(
            name="worker", ray_actor_options=wanted, max_ongoing_requests=_ONGOING_MAX, graceful_shutdown_timeout_s=5
        )
        target = serve.RunTarget(deployment.bind(encoder.encode(order)), name=name, route_prefix=f"/{name}")
        serve.run_many([target], wait_for_ingress_deployment_creation=False, wait_for_applications_running=False)

    def trouble(self, name: str) -> str | None:
        """Why Ray gave it up; None while it has not."""
        found = serve.status().applications.get(name)
        return found.message if found is not None and found.status == "DEPLOY_FAILED" else None

    def delete(self, name: str) -> None:
        serve.delete(name, _blocking=False)

    def close(self) -> None:
        with self._lock:
            if self._is_connected:
                self._is_connected = False
                self._leave()
            shutil.rmtree(self._cluster.folder, ignore_errors=True)

    def _leave(self) -> None:
        self._sweep()
        if not self._cluster.address:
            serve.shutdown()  # type: ignore[no-untyped-call, unused-ignore]  # Ray gives it no types
        ray.shutdown()

    def _connect(self) -> None:
        with self._lock:
            if self._is_connected:
                return
            if self._cluster.address:
                ray.init(self._cluster.address, log_to_driver=False)
            else:
                ray.init(
                    num_cpus=_CORES_OWN,
                    object_store_memory=_OBJECTS_BYTES,
                    include_dashboard=False,
                    log_to_driver=False,
                )
            there = urlsplit(self._cluster.url)
            serve.start(http_options={"host": there.hostname, "port": there.port or 80})
            self._ingress = serve.deployment(serve.ingress()(Replica))
            self._is_connected = True
            self._sweep()

    def _sweep(self) -> None:
        """What this node's controllers left, and this one has."""
        for name in serve.status().applications:
            if name.startswith(self._prefix):
                serve.delete(name, _blocking=False)
