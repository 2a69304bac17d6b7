"""A few workers for one process of the hub, started when first needed, replaced when they are killed."""

import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading

import msgspec

from pioche import frames
from pioche.render.jobs import Job

_STALLED_FACTOR = 10  # by the clock a job may take so many times what it may take of the processor, and then some
_STALLED_SECONDS = 10.0


class JobFailed(Exception):
    """The job cannot be done: its source is a bomb, or makes a library fail. It will be so the next time too."""


class PoolBusy(Exception):
    """No worker was free, or the machine was too slow; another time it may do."""


class Pool:
    """`run` may be called from any thread. A pool without work has no processes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._all: set[_Worker] = set()
        self._is_closed = False

    def run(self, job: Job, *, seconds: int, patience: float = 5.0) -> bytes:
        """The encoded result. `seconds` of processor time for the job, `patience` for a worker to become free.

        Raises JobFailed, PoolBusy.
        """
        worker = self._take(patience)
        try:
            data = worker.ask(job, seconds)
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
                worker = _Worker()
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

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # Without our environment, which may hold secrets; only where Python finds this package.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pioche.render.worker"],
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

    def ask(self, job: Job, seconds: int) -> bytes:
        """The encoded result, or nothing when the worker says that there is none. Raises JobFailed, PoolBusy."""
        self._wire.settimeout(seconds * _STALLED_FACTOR + _STALLED_SECONDS)
        try:
            frames.send(self._wire, msgspec.msgpack.encode({"job": job, "seconds": seconds}))
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
