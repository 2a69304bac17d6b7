"""The least that an ASGI application can do: a fixed answer without looking at the request, or the bytes of a file.

`python -m benchmarks.bare PORT WORKERS [FILE]` serves it as the hub's web processes are served.
"""

import asyncio
import os
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
_PIECE = 2**18
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
    if scope["path"] == "/file":
        await send_file(scope, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else _BODY})


async def send_file(scope: dict[str, Any], send: Any) -> None:
    """The file, or one range `bytes=A-B` of it, in the pieces that the hub sends: read and sent, nothing else."""
    asked = dict(scope["headers"]).get(b"range", b"bytes=0-")
    first, _, last = asked.decode().removeprefix("bytes=").partition("-")
    descriptor = os.open(sys.argv[3], os.O_RDONLY)
    position, end = int(first), int(last) + 1 if last else os.fstat(descriptor).st_size
    length = (b"content-length", b"%d" % (end - position))
    await send({"type": "http.response.start", "status": 206 if last else 200, "headers": [length]})
    buffer = bytearray(min(_PIECE, end - position))
    while position < end:
        count = os.preadv(descriptor, [memoryview(buffer)[: end - position]], position)
        position += count
        piece = buffer if count == len(buffer) else buffer[:count]
        await send({"type": "http.response.body", "body": piece, "more_body": position < end})
    os.close(descriptor)


async def serve(port: int) -> None:
    settings = replace(config.load({}, environ={}), port=port)
    server = Server(app, **granian_settings(settings))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve()


def main(port: str, workers: str, *file: str) -> None:
    command = [sys.executable, "-m", "benchmarks.bare", port, "1", *file]
    others = [subprocess.Popen(command) for _ in range(int(workers) - 1)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(port)))
    for other in others:
        other.terminate()
        other.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
