"""What the controller and the front of a worker on another machine say to each other."""

import msgspec

from pioche.serving.messages import Refused
from pioche.serving.spec import Spec
from pioche.serving.worker.batcher import Stats

ABOUT = "/about"
"""GET: Told."""
END = "/end"
"""POST with a number of seconds: what it answers is finished, then Told."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A worker to be started."""

    spec: Spec
    snapshot: str
    """The folder of its files, on a disk that all nodes have."""
    memory_bytes: int
    secret: str
    sandbox: str
    """The least level that it may run in."""
    hidden: str
    """The hub's data folder: no worker sees it. Empty where there is none."""


class Told(msgspec.Struct, kw_only=True):
    """How it is. `refused`: it could not be started."""

    refused: Refused | None = None
    ended: str | None = None
    stats: Stats | None = None
    memory_bytes: int = 0
    cpu_seconds: float = 0.0
    output: str = ""


order_decoder = msgspec.json.Decoder(Order)
told_decoder = msgspec.json.Decoder(Told)
encoder = msgspec.json.Encoder()
