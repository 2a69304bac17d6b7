"""The port of gRPC: its service, health and reflection, and how it ends."""

from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from pioche.http.buffers import Flusher
from pioche.http.hub import Hub
from pioche.protocols.inference.grpc.guard import Guard
from pioche.protocols.inference.grpc.messages import POOL, SERVICE
from pioche.protocols.inference.grpc.service import Service

MESSAGE_BYTES_MAX = 64 * 2**20
_CALLS_MAX = 1024
"""At the same time: more are told to come again."""

for _file in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
    POOL.AddSerializedFile(_file.serialized_pb)


class GrpcServer:
    """`start`, then `stop`; both belong to one event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._flusher = Flusher(hub.buffers)

    async def start(self, address: str, port: int) -> None:
        """Listens. Raises OSError when the port cannot be had."""
        config = self._hub.config
        # Made here: it belongs to the loop that runs.
        self._server: Any = grpc.aio.server(
            options=(
                ("grpc.max_receive_message_length", min(MESSAGE_BYTES_MAX, config.inference_body_bytes_max)),
                ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
                ("grpc.so_reuseport", 1),  # the supervisor keeps the port
            ),
            interceptors=(Guard(self._hub.addresses, config.grpc_idle_seconds, config.grpc_calls_each),),
            maximum_concurrent_rpcs=_CALLS_MAX,
        )
        self._server.add_generic_rpc_handlers((Service(self._hub).handler(),))
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server, pool=POOL)
        self._listen(f"[{address}]:{port}" if ":" in address else f"{address}:{port}")
        await self._server.start()
        serving = health_pb2.HealthCheckResponse.SERVING
        for name in ("", SERVICE):
            await self._health.set(name, serving)
        self._flusher.start()

    async def stop(self, seconds: float) -> None:
        """Takes no more calls, and waits so long for those that run."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(seconds)
        await self._flusher.stop()
        self._hub.models.close()
        self._hub.renderer.close()
        await self._hub.database.aclose()

    def _listen(self, place: str) -> None:
        config = self._hub.config
        try:
            if config.tls_cert:
                pair = Path(config.tls_key).read_bytes(), Path(config.tls_cert).read_bytes()
                self._server.add_secure_port(place, grpc.ssl_server_credentials((pair,)))
            else:
                self._server.add_insecure_port(place)
        except RuntimeError as error:  # grpc's own for every reason
            raise OSError(str(error)) from error
