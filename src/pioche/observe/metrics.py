"""Counters and timings for Prometheus.

Where PROMETHEUS_MULTIPROC_DIR is in the environment when this is imported (the supervisor sets it before), each process keeps
its figures in a file of that folder, and `exposition` adds up the files of all of them.
"""

from bisect import bisect_left
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.values import ValueClass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

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

_stored = Gauge(
    "pioche_stored_bytes",
    "What the store holds, each content once: blobs, xorbs, and what waits in quarantine. As of the last collection.",
    ("kind",),
    multiprocess_mode="mostrecent",
)

_scrubbed = Counter("pioche_scrubbed_bytes_total", "Stored bytes that scrub has read and hashed.")
_damaged = Counter(
    "pioche_damage_found_total", "Damage that scrub has found, by kind (docs/guide/damage.md).", ("kind",)
)

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "SSH"))


class Tally:
    """Requests counted in plain memory, since Prometheus's own counters cost a tenth of a look-up. A buffer of the hub:
    flushed every ten seconds, at the end, and when this process is asked for its figures."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int], list[float]] = {}

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        key = (method, route, status)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = [0.0] * (len(_BUCKETS) + 2)
        counts[bisect_left(_BUCKETS, seconds)] += 1
        counts[-1] += seconds

    def flush(self) -> None:
        """Adds up. In another thread than `add`, it may miss a request that is being counted at that moment."""
        counted, self._counts = self._counts, {}
        for (method, route, status), (*buckets, seconds) in counted.items():
            _requests.labels(method, route, str(status)).inc(sum(buckets))
            histogram = _seconds.labels(method, route)
            # What `observe` does, for many observations at once.
            histogram._sum.inc(seconds)
            for bucket, count in zip(histogram._buckets, buckets, strict=True):
                if count:
                    bucket.inc(count)


TALLY = Tally()


def request(method: str, route: str, status: int, seconds: float) -> None:
    """`route` is a pattern of the tables, never an address: names of private repos stay out of the metrics."""
    TALLY.add(method if method in _METHODS else "other", route, status, seconds)  # a client may send any word


def job(kind: str, outcome: str) -> None:
    """`outcome` is done, retried or failed."""
    _jobs.labels(kind, outcome).inc()


def events(consumer: str, count: int) -> None:
    _events.labels(consumer).inc(count)


def stored(sizes: Mapping[str, int]) -> None:
    """Bytes by kind."""
    for kind, size in sizes.items():
        _stored.labels(kind).set(size)


def scrubbed(count: int) -> None:
    """In bytes."""
    _scrubbed.inc(count)


def damaged(kind: str) -> None:
    _damaged.labels(kind).inc()


def exposition() -> bytes:
    """The figures of all processes together, in Prometheus's text format."""
    TALLY.flush()
    if not getattr(ValueClass, "_multiprocess", False):
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library is not typed here
    return generate_latest(registry)
