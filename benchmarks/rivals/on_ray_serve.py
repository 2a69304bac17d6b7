"""`on_ray_serve.py FOLDER PORT`: MiniLM on Ray Serve, with its batches, behind HAProxy where the environment asks for it."""

import sys
import threading
from typing import Any

import ray
from minilm import MiniLM
from ray import serve
from starlette.requests import Request


class Embeddings:
    def __init__(self, folder: str) -> None:
        self._model = MiniLM(folder)

        self._encode = serve.batch(max_batch_size=32, batch_wait_timeout_s=0.005)(self._many)

    async def _many(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self._model.encode(texts)
        return rows

    async def __call__(self, request: Request) -> Any:
        return await self._encode((await request.json())["text"])


if __name__ == "__main__":
    ray.init(include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
    deployed = serve.deployment(num_replicas=1, max_ongoing_requests=64)(Embeddings)
    serve.run(deployed.bind(sys.argv[1]), route_prefix="/predict")
    threading.Event().wait()
