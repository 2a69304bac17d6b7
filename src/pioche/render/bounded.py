"""A process that does what it is asked with little memory and little time: reads jobs from the socket that is its standard
input, one at a time, until it is closed.

It begins by giving away what it does not need: memory beyond a limit, files, more processes. Each job may use so many
seconds of processor time; the kernel ends the process that uses more (SIGXCPU), and `pool` starts another. This module
imports nothing that one kind of worker needs alone: each starts as fast as it can.
"""

import math
import resource
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from pioche import frames
from pioche.render import asking

_MEMORY_BYTES_MAX = 768 * 2**20
_RECURSION_MAX = 2_000


J = TypeVar("J")
Fetch = Callable[[int, int], bytes]


class Ask(msgspec.Struct, frozen=True):
    """`seconds` of processor time."""

    job: msgspec.Raw
    seconds: int


def serve(shape: object, perform: Callable[[J, Fetch], object]) -> None:
    """Performs the jobs of type `shape` that arrive, until the socket is closed. `perform` is given the job, and what fetches
    a part of the file that it is about."""
    _limit()
    wire = socket.socket(fileno=sys.stdin.fileno())
    asks, jobs = msgspec.msgpack.Decoder(Ask), msgspec.msgpack.Decoder(shape)
    encoder = msgspec.msgpack.Encoder()

    def fetch(start: int, end: int) -> bytes:
        frames.send(wire, asking.WANTS + asking.RANGE.pack(start, end))
        found = frames.receive(wire)
        if found is None:
            sys.exit()
        return found

    while True:
        data = frames.receive(wire)
        if data is None:
            return
        ask = asks.decode(data)
        _allow(ask.seconds)
        frames.send(wire, asking.RESULT + _attempt(partial(perform, jobs.decode(ask.job), fetch), encoder))


def _attempt(work: Callable[[], object], encoder: msgspec.msgpack.Encoder) -> bytes:
    """The encoded result; nothing when the job failed for what its source is."""
    try:
        return encoder.encode(work())
    except (RecursionError, MemoryError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError):
        # What a library did not expect of its input. Anything else ends the process, to the same effect.
        return b""


def _limit() -> None:
    sys.setrecursionlimit(_RECURSION_MAX)
    for kind, most in (
        (resource.RLIMIT_AS, _MEMORY_BYTES_MAX),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def _allow(seconds: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, hard))
