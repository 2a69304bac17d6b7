"""The jobs process: a worker for the queue and a dispatcher for the events."""

import signal
import threading

from pioche import app
from pioche.config import Config
from pioche.errors import Failure
from pioche.jobs.outbox import BATCH, Dispatcher
from pioche.observe import log
from pioche.processes import child

_POLL_SECONDS = 0.5


def run(config: Config) -> None:
    """Works until SIGTERM, then until the jobs that run are done."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    child.receive_signals()
    work = app.build_work(config)
    work.worker.start()
    work.caller.start()
    work.importer.start()
    while not stopping.is_set():
        # Events that come one after another are delivered together: each delivery ends in a transaction that is synced.
        if _delivered(work.dispatcher) < BATCH:
            stopping.wait(_POLL_SECONDS)
    _stop(work, config.drain_seconds)


def _stop(work: app.Work, seconds: float) -> None:
    """All at the same time."""
    others = [
        threading.Thread(target=other.stop, kwargs={"seconds": seconds}) for other in (work.caller, work.importer)
    ]
    for thread in others:
        thread.start()
    work.worker.stop(seconds=seconds)
    for thread in others:
        thread.join()


def _delivered(dispatcher: Dispatcher) -> int:
    try:
        return dispatcher.step()
    except Failure as error:
        log.fault("events not delivered", error)
        return 0
