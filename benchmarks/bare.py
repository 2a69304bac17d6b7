"""The least that an ASGI application can do: a fixed answer without looking at the request.

`python -m benchmarks.bare PORT WORKERS` serves it as the hub's web processes are served.
"""

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace
from typing import Any

import uvloop
from granian.server.embed import Server

from pioche import config
from pioche.processes.web import granian_settings

_BODY = b'{"id":"bench/model","sha":"0000000000000000000000000000000000000000","siblings":[]}'
_HEADERS = [
    (b"content-type", b"application/json; charset=utf-8"),
    (b"content-length", str(len(_BODY)).encode()),
    (b"x-repo-commit", b"0" * 40),
    (b"etag", b'"' + b"0" * 40 + b'"'),
]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": message["type"] + ".complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else _BODY})


async def serve(port: int) -> None:
    settings = replace(config.load({}, environ={}), port=port)
    server = Server(app, **granian_settings(settings))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve()


def main(port: str, workers: str) -> None:
    command = [sys.executable, "-m", "benchmarks.bare", port, "1"]
    others = [subprocess.Popen(command) for _ in range(int(workers) - 1)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(port)))
    for other in others:
        other.terminate()
        other.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
