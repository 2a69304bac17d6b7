"""The process that renders: reads jobs from the socket that is its standard input, one at a time, until it is closed.

It begins by giving away what it does not need: memory beyond a limit, files, more processes. Each job may use so many
seconds of processor time; the kernel ends the process that uses more (SIGXCPU), and `pool` starts another.
"""

import math
import resource
import socket
import sys
import time

import msgspec

from pioche import frames
from pioche.render import diffs, highlighting, markdown, notebooks, tables
from pioche.render.jobs import CodeJob, DiffJob, Job, MarkdownJob, NotebookJob, TableJob
from pioche.render.results import Code, Diff, Markdown, Notebook, Table

_MEMORY_BYTES_MAX = 768 * 2**20
_RECURSION_MAX = 2_000


class Ask(msgspec.Struct, frozen=True):
    """`seconds` of processor time."""

    job: Job
    seconds: int


def perform(job: Job) -> Markdown | Code | Notebook | Table | Diff:
    """The work itself; `pool` sees to it that it runs in the right process."""
    match job:
        case MarkdownJob():
            return markdown.render(job.source, job.links)
        case CodeJob():
            return highlighting.highlight(job.source, job.name)
        case NotebookJob():
            return notebooks.render(job.source, job.links)
        case TableJob():
            return tables.table(job.source, job.name, is_whole=job.is_whole, rows_max=job.rows_max)
        case DiffJob():
            return diffs.diff(job.old, job.new, context=job.context, ignores_space=job.ignores_space)


def main() -> None:
    _limit()
    wire = socket.socket(fileno=sys.stdin.fileno())
    decoder = msgspec.msgpack.Decoder(Ask)
    encoder = msgspec.msgpack.Encoder()
    while True:
        data = frames.receive(wire)
        if data is None:
            return
        ask = decoder.decode(data)
        _allow(ask.seconds)
        frames.send(wire, _attempt(ask.job, encoder))


def _attempt(job: Job, encoder: msgspec.msgpack.Encoder) -> bytes:
    """The encoded result; nothing when the job failed for what its source is."""
    try:
        return encoder.encode(perform(job))
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


if __name__ == "__main__":
    main()
