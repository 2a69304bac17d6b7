"""A few workers for one process of the hub, started when first needed, replaced when they are killed."""

import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import msgspec

from pioche import frames
from pioche.render import asking

_STALLED_FACTOR = 10  # by the clock a job may take so many times what it may take of the processor, and then some
_STALLED_SECONDS = 10.0
RENDERS = "pioche.render.worker"
"""The program of a worker that renders."""
PAINTS = "pioche.render.picture_worker"
"""The program of a worker that decodes and draws pictures."""

Fetch = Callable[[int, int], bytes]
"""Gives the bytes [start, end) of the file that a job is about, for workers that read a part of it only."""


class JobFailed(Exception):
    """The job cannot be done: its source is a bomb, or makes a library fail. It will be so the next time too."""


class PoolBusy(Exception):
    """No worker was free, or the machine was too slow; another time it may do."""


class Pool:
    """`run` may be called from any thread. A pool without work has no processes. `program` is the module that its workers
    run, which calls `bounded.serve`."""

    def __init__(self, size: int, program: str = RENDERS) -> None:
        self._size = size
        self._program = program
        self._free: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._all: set[_Worker] = set()
        self._is_closed = False

    def run(self, job: msgspec.Struct, *, seconds: int, patience: float = 5.0, fetch: Fetch | None = None) -> bytes:
        """The encoded result. `seconds` of processor time for the job, `patience` for a worker to become free; `fetch` is
        asked for the parts of a file that the job turns out to need.

        Raises JobFailed, PoolBusy, and what `fetch` raises.
        """
        worker = self._take(patience)
        try:
            data = worker.ask(job, seconds, fetch)
        except BaseException:
            self._discard(worker)
            raise
        self._free.put(worker)
        if not data:
            raise JobFailed
        return data

    def close(self) -> None:
        """Ends every worker, at work or not."""
        with self._lock:
            self._is_closed = True
            workers, self._all = self._all, set()
        for worker in workers:
            worker.end()

    def worker_ids(self) -> list[int]:
        """The process ids of the workers, in order."""
        with self._lock:
            return sorted(worker.process_id for worker in self._all)

    def _take(self, patience: float) -> "_Worker":
        with contextlib.suppress(queue.Empty):
            return self._free.get_nowait()
        with self._lock:
            if self._is_closed:
                raise PoolBusy
            if len(self._all) < self._size:
                worker = _Worker(self._program)
                self._all.add(worker)
                return worker
        try:
            return self._free.get(timeout=patience)
        except queue.Empty:
            raise PoolBusy from None

    def _discard(self, worker: "_Worker") -> None:
        with self._lock:
            self._all.discard(worker)
        worker.end()


class _Worker:
    """One process. It ends by itself when our end of the socket closes, so none outlives the hub."""

    def __init__(self, program: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # Without our environment, which may hold secrets; only where Python finds this package.
            self._process = subprocess.Popen(
                [sys.executable, "-m", program],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PYTHONPATH": os.pathsep.join(sys.path), "LANG": "C.UTF-8"},
                start_new_session=True,
            )
        self._wire = ours

    @property
    def process_id(self) -> int:
        return self._process.pid

    def ask(self, job: msgspec.Struct, seconds: int, fetch: Fetch | None) -> bytes:
        """The encoded result, or nothing when the worker says that there is none. Raises JobFailed, PoolBusy."""
        self._wire.settimeout(seconds * _STALLED_FACTOR + _STALLED_SECONDS)
        message = msgspec.msgpack.encode({"job": job, "seconds": seconds})
        while True:
            answer = self._exchange(message)
            if answer[:1] != asking.WANTS:
                return answer[1:]
            if fetch is None:
                raise JobFailed
            message = fetch(*asking.RANGE.unpack(answer[1:]))

    def _exchange(self, message: bytes) -> bytes:
        try:
            frames.send(self._wire, message)
            data = frames.receive(self._wire)
        except TimeoutError:
            raise PoolBusy from None
        except OSError:
            data = None
        if data is None:
            raise JobFailed
        return data

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._wire.close()
