"""A worker, started in a sandbox and ready to be asked."""

import http.client
import socket
import sys
import time
from pathlib import Path

import msgspec

from pioche.errors import EngineFailed
from pioche.runner.running import Running, Watched
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import SOCKETS, Fork, Limits
from pioche.runner.spec import Spec as Command
from pioche.runner.zygotes import Forked, Zygote
from pioche.serving import needs
from pioche.serving.spec import EngineName, Spec

_MODEL = Path("/model")
SOCKET = "http"
ASKED_TO_END = "ended: the hub asked for it"
"""How the keeper tells of who was ended and did nothing wrong."""
_OFFLINE = {"HF_HUB_OFFLINE": "1"}
"""There is no network: libraries that strangers' code calls need not wait for it."""
_POLL_SECONDS = 0.02
_HEALTH_SECONDS = 5.0
_OUTPUT_SECONDS = 1.0


def start(sandbox: Sandbox, spec: Spec, snapshot: Path, sockets: Path, limits: Limits) -> Running:
    """A process that loads the model; `ready` waits for it. `sockets` is an empty folder for this worker alone.

    Raises SandboxTooWeak, StartFailed.
    """
    words = (str(_MODEL), str(SOCKETS / SOCKET), msgspec.json.encode(spec).decode())
    return sandbox.start(
        Command(
            command=(sys.executable, "-m", "pioche.serving.worker", *words),
            read_only={snapshot: _MODEL},
            socket_dir=sockets,
            environment=_OFFLINE if spec.code or spec.engine is EngineName.VLLM else {},
            devices=needs.devices() if spec.engine is EngineName.VLLM else (),
            remote_code=spec.code,
            limits=limits,
        )
    )


def fork(parent: Zygote, spec: Spec, snapshot: Path, sockets: Path, limits: Limits) -> Forked:
    """As `start`, of a process that has loaded what the engine needs. Raises StartFailed."""
    return parent.fork(
        Fork(
            function="pioche.serving.worker.process:fork",
            arguments=(str(snapshot), msgspec.json.encode(spec).decode()),
            snapshot=snapshot,
            socket=sockets / SOCKET,
            limits=limits,
        )
    )


def ready(worker: Watched, seconds: float) -> None:
    """Returns when the model is loaded. Raises EngineFailed, with the reason, when it ended before, or takes longer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if worker.ending is not None:
            raise EngineFailed(last_words(worker))
        if _is_healthy(worker):
            return
        time.sleep(_POLL_SECONDS)
    raise EngineFailed(f"The model was not loaded within {seconds:.0f} seconds")


def connect(worker: Watched) -> socket.socket:
    """A connection to speak HTTP over. Raises OSError."""
    return worker.connect(SOCKET)


def _is_healthy(worker: Watched) -> bool:
    asking = http.client.HTTPConnection("worker", timeout=_HEALTH_SECONDS)
    try:
        asking.sock = connect(worker)
        asking.sock.settimeout(_HEALTH_SECONDS)
        asking.request("GET", "/health")
        return asking.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False  # it does not listen yet
    finally:
        asking.close()


def last_words(worker: Watched) -> str:
    """What it said last, or how it ended where it said nothing. Its output may come a moment after its end."""
    ending = worker.ending
    ended = "" if ending is None else ending.reason
    said = [line.text for line in worker.log.follow(patience=_OUTPUT_SECONDS) if line.text != f"[{ended}]"]
    return said[-1] if said else ended
