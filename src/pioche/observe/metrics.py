"""Counters and timings for Prometheus.

A process that finds PROMETHEUS_MULTIPROC_DIR in its environment (the supervisor sets it for all of its children) keeps
its figures in a file of that folder, and `exposition` adds up the files of all of them.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.values import ValueClass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_BUCKETS = (0.002, 0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0)

_requests = Counter("pioche_requests_total", "Requests answered.", ("method", "route", "status"))
_seconds = Histogram(
    "pioche_request_seconds",
    "Time from the request's headers to the last byte of its answer.",
    ("method", "route"),
    buckets=_BUCKETS,
)
_jobs = Counter("pioche_jobs_total", "Attempts at jobs, by how they ended.", ("kind", "outcome"))
_events = Counter("pioche_events_total", "Events handed to a consumer.", ("consumer",))

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

# A look-up of labels costs more than counting does.
_counters: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}


def request(method: str, route: str, status: int, seconds: float) -> None:
    """`route` is a pattern of the tables, never an address: names of private repos stay out of the metrics."""
    key = (method, route, status)
    found = _counters.get(key)
    if found is None:
        known = method if method in _METHODS else "other"  # a client may send any word
        found = (_requests.labels(known, route, str(status)), _seconds.labels(known, route))
        if known == method:
            _counters[key] = found
    found[0].inc()
    found[1].observe(seconds)


def job(kind: str, outcome: str) -> None:
    """`outcome` is done, retried or failed."""
    _jobs.labels(kind, outcome).inc()


def events(consumer: str, count: int) -> None:
    _events.labels(consumer).inc(count)


def exposition() -> bytes:
    """The figures of all processes together, in Prometheus's text format."""
    if not getattr(ValueClass, "_multiprocess", False):
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
