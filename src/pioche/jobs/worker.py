"""Runs jobs: a few threads that lease from the queue, by one table of job kinds that `pioche.app` declares.

A job that raises is tried again, ever later, and fails after its last attempt. A process that dies loses only its
leases: when they end, another one runs the jobs.
"""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from pioche.db.engine import Database
from pioche.errors import Failure
from pioche.jobs import queue
from pioche.jobs.queue import Lease, Queue
from pioche.jobs.quiet import Quiet
from pioche.observe import log, metrics

_LEASE_MS = 60_000
_POLL_SECONDS = 0.5
_END_POLL_SECONDS = 0.02
_RETRY_MS = 5_000
_RETRY_MS_MAX = 3_600_000


class Job(Protocol):
    """A kind of job: one class each."""

    kind: str
    """Stable: it stands in rows."""
    attempts_max: int
    every_seconds: int | None
    """Put in by the worker itself at this interval, without a key; None for jobs that changes put in."""

    def run(self, key: str, payload: dict[str, Any]) -> None:
        """Does the work. Must be idempotent: it may be run again after it succeeded. Raising means: try again later."""
        ...


class Worker:
    """`start` and `stop` are called once each; without `start` nothing runs but what `step` is called for.

    `abandons` are kinds of long jobs that may be broken off anywhere, at no loss: the end does not wait for them.
    """

    def __init__(
        self,
        database: Database,
        jobs: Sequence[Job],
        *,
        threads: int = 2,
        lease_ms: int = _LEASE_MS,
        abandons: Collection[str] = (),
    ) -> None:
        self._database = database
        self._queue = Queue(database)
        self._quiet = Quiet(database)
        self._jobs = {job.kind: job for job in jobs}
        self._lease_ms = lease_ms
        self._abandons = frozenset(abandons)
        self._leases: dict[int, Lease] = {}
        self._given_back: set[int] = set()
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._workers = [_thread(f"jobs-{number}", self._work) for number in range(threads)]
        self._helpers = [_thread("jobs-leases", self._renew_leases), _thread("jobs-timer", self._keep_time)]

    def start(self) -> None:
        for thread in (*self._workers, *self._helpers):
            thread.start()

    def stop(self, *, seconds: float) -> None:
        """Takes no further job and waits for those that run; what still runs then is run again by the next process."""
        self._stopping.set()
        deadline = time.monotonic() + seconds
        while not self._may_end() and time.monotonic() < deadline:
            time.sleep(_END_POLL_SECONDS)
        self._put_back()
        self._stopped.set()
        for thread in self._helpers:
            thread.join(max(1.0, deadline - time.monotonic()))

    def _may_end(self) -> bool:
        """Whether every thread that is still at work has a job that is abandoned."""
        left = list(self._leases.values())
        at_work = sum(thread.is_alive() for thread in self._workers)
        return at_work <= len(left) and all(lease.kind in self._abandons for lease in left)

    def _put_back(self) -> None:
        """Abandoned jobs are the next process's at once, and this was no attempt at them."""
        for lease in list(self._leases.values()):
            if lease.kind in self._abandons:
                self._given_back.add(lease.id)
                try:
                    self._queue.put_back(lease)
                except Failure as error:  # then its lease has to run out
                    log.fault("job not put back", error, kind=lease.kind)

    def step(self) -> bool:
        """Runs one job that is due; False when there is none."""
        if self._quiet.lasts():
            return False
        lease = self._queue.lease(self._jobs, lease_ms=self._lease_ms)
        if lease is None:
            self._quiet.begin(lambda: self._queue.next_due(self._jobs))
            return False
        self._leases[lease.id] = lease
        try:
            self._attempt(self._jobs[lease.kind], lease)
        finally:
            del self._leases[lease.id]
        return True

    def _attempt(self, job: Job, lease: Lease) -> None:
        if lease.attempt > job.attempts_max:  # its last attempt took the process down
            self._queue.fail(lease, "The process ended during the last attempt")
            metrics.job(lease.kind, "failed")
            return
        try:
            job.run(lease.key, lease.payload)
        except Exception as error:  # noqa: BLE001 - whatever a job raises, its row says so and the worker goes on
            if lease.id not in self._given_back:
                self._refused(job, lease, error)
            return
        if lease.id in self._given_back:  # somebody else's by now
            return
        self._queue.finish(lease)
        metrics.job(lease.kind, "done")

    def _refused(self, job: Job, lease: Lease, error: Exception) -> None:
        log.fault("job failed", error, kind=lease.kind, key=lease.key, attempt=lease.attempt)
        reason = log.blacken(repr(error))
        if lease.attempt >= job.attempts_max:
            self._queue.fail(lease, reason)
            metrics.job(lease.kind, "failed")
            return
        self._queue.retry(lease, reason, delay_ms=min(_RETRY_MS * 2 ** (lease.attempt - 1), _RETRY_MS_MAX))
        metrics.job(lease.kind, "retried")

    # --- threads ---

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                idle = not self.step()
            except Failure as error:  # without its row a job's end is not known: it is run again
                log.fault("job queue unavailable", error)
                idle = True
            if idle:
                self._stopping.wait(_POLL_SECONDS)

    def _renew_leases(self) -> None:
        while not self._stopped.wait(self._lease_ms / 4000):  # also while stopping: jobs that run are waited for
            for lease in list(self._leases.values()):
                if lease.id in self._given_back:
                    continue
                try:
                    self._queue.renew(lease, lease_ms=self._lease_ms)
                except Failure as error:
                    log.fault("lease not renewed", error, kind=lease.kind)

    def _keep_time(self) -> None:
        periodic = [job for job in self._jobs.values() if job.every_seconds is not None]
        due = dict.fromkeys((job.kind for job in periodic), time.monotonic())
        while not self._stopping.wait(_POLL_SECONDS):
            for job in periodic:
                if time.monotonic() < due[job.kind]:
                    continue
                due[job.kind] = time.monotonic() + (job.every_seconds or 0)
                try:
                    with self._database.write() as connection:
                        queue.enqueue(connection, job.kind)
                except Failure as error:
                    log.fault("periodic job not put in", error, kind=job.kind)


def _thread(name: str, target: Callable[[], None]) -> threading.Thread:
    return threading.Thread(target=target, name=name, daemon=True)
