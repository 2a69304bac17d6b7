"""Runs in the sandbox of a build, as a program: opens the way to the package index, and runs commands one after the other.

    installer ── 127.0.0.1:PORT ── this ── Unix socket ── gateway, in the hub

The standard library alone, and nothing of this package: what else runs here was written by strangers.
"""

import json
import os
import socket
import subprocess
import sys
import threading

PORT = 8010
_PIECE = 256 * 1024
_CONNECTIONS_MAX = 64


def main() -> int:
    """Orders are the JSON of the first argument: `commands`, and `socket` or nothing. The code is that of the last command."""
    orders = json.loads(sys.argv[1])
    if orders.get("socket"):
        _open(orders["socket"])
    for step in orders["commands"]:
        environment = {**os.environ, **step.get("environment", {})}  # noqa: TID251  (its own, which was made for it)
        code = subprocess.run(step["argv"], cwd=step.get("folder"), env=environment, check=False).returncode
        if code:
            return code if code > 0 else 128 - code
    return 0


def _open(path: str) -> None:
    server = socket.create_server(("127.0.0.1", PORT))
    places = threading.BoundedSemaphore(_CONNECTIONS_MAX)
    threading.Thread(target=_accept, args=(server, path, places), daemon=True).start()


def _accept(server: socket.socket, path: str, places: threading.BoundedSemaphore) -> None:
    while True:
        client, _ = server.accept()
        places.acquire()
        threading.Thread(target=_serve, args=(client, path, places), daemon=True).start()


def _serve(client: socket.socket, path: str, places: threading.BoundedSemaphore) -> None:
    with client, socket.socket(socket.AF_UNIX) as hub:
        try:
            hub.connect(path)
            back = threading.Thread(target=_copy, args=(hub, client), daemon=True)
            back.start()
            _copy(client, hub)
            back.join()
        except OSError:  # the other side went away: so does this one
            pass
        finally:
            places.release()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(_PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for wire in (source, target):
            try:
                wire.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


if __name__ == "__main__":
    sys.exit(main())
