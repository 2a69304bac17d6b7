"""What web processes and the controller say to each other: msgpack in `frames`, over a Unix socket in a folder of this user's
own. One question a connection."""

import enum

import msgspec

from pioche import frames
from pioche.errors import (
    Corrupt,
    EngineFailed,
    EntryNotFound,
    Failure,
    HubError,
    ModelLoading,
    NotOffered,
    NotServed,
    OutOfSpace,
    SandboxTooWeak,
    StartFailed,
    Unavailable,
)
from pioche.serving.address import Address
from pioche.serving.spec import Spec

MESSAGE_BYTES_MAX = 4 * 2**20


class Wanted(msgspec.Struct, frozen=True, tag=True):
    """A worker for `spec`. `lost` is the number of one that ended while it answered."""

    spec: Spec
    repo: int
    """The row of the repo: who asks was allowed to read its files."""
    size: int
    """Of the files, in bytes."""
    seconds: float
    """How long it may be waited for."""
    lost: int = 0


class Look(msgspec.Struct, frozen=True, tag=True):
    """How is the worker for `spec`? Nothing is started."""

    spec: Spec


class Output(msgspec.Struct, frozen=True, tag=True):
    """What did the process of a deployment (its row) write?"""

    deployment: int
    replica: int


class Written(msgspec.Struct, frozen=True, tag=True):
    text: str


class Ready(msgspec.Struct, frozen=True, tag=True):
    """`number` is this worker's alone."""

    address: Address
    number: int


class Refused(msgspec.Struct, frozen=True, tag=True):
    """`kind` is the name of an error."""

    kind: str
    message: str
    seconds: int = 0


class State(enum.StrEnum):
    ABSENT = "absent"
    """It starts when it is asked."""
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    """It could not be started, or broke down: not tried again for a while."""


class Looked(msgspec.Struct, frozen=True, tag=True):
    """`reason` is why it failed the last time, in words; none once it could be started. `export` says how far it is from torch to
    ONNX: nothing where that is not to be."""

    state: State
    reason: str = ""
    export: str = ""


Question = Wanted | Look | Output
Reply = Ready | Refused | Looked | Written

question_decoder: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(Question)
reply_decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)

_KINDS: dict[str, type[HubError]] = {
    kind.__name__: kind
    for kind in (
        Corrupt,
        EngineFailed,
        EntryNotFound,
        NotOffered,
        NotServed,
        OutOfSpace,
        SandboxTooWeak,
        StartFailed,
        Unavailable,
    )
}


def framed(message: Question | Reply) -> bytes:
    """As it goes over the wire."""
    return frames.framed(msgspec.msgpack.encode(message))


def refused(error: HubError) -> Refused:
    return Refused(type(error).__name__, error.message, error.seconds if isinstance(error, ModelLoading) else 0)


def refusal(said: Refused) -> HubError:
    """The error that it was."""
    if said.kind == ModelLoading.__name__:
        return ModelLoading(said.message, seconds=said.seconds)
    return _KINDS.get(said.kind, Failure)(said.message)
