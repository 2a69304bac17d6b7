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

_LATENCIES = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_answered = Counter("pioche_inference_requests_total", "Requests to models, by task and status.", ("task", "code"))
_inference_seconds = Histogram(
    "pioche_inference_request_seconds",
    "Time from a request to a model to the last byte of its answer, with the wait for a worker.",
    ("task",),
    buckets=_LATENCIES,
)
_first_token = Histogram(
    "pioche_inference_ttft_seconds",
    "Time to the first piece of an answer that is streamed.",
    ("task",),
    buckets=_LATENCIES,
)
_waited = Histogram(
    "pioche_inference_queue_seconds",
    "Time that requests waited for a worker to be started.",
    ("task",),
    buckets=_LATENCIES,
)
_inflight = Gauge(
    "pioche_inference_inflight", "Requests to models that are being answered.", multiprocess_mode="livesum"
)
_inference_errors = Counter(
    "pioche_inference_errors_total", "What went wrong: input, engine, worker, loading, other.", ("kind",)
)
_batches = Counter("pioche_inference_batches_total", "Batches that engines have run.", ("task",))
_batched = Counter("pioche_inference_batched_requests_total", "Requests that were in them.", ("task",))
_replicas = Gauge("pioche_inference_replicas", "Workers of models, by state.", ("state",), multiprocess_mode="livesum")
_cold_starts = Histogram(
    "pioche_inference_cold_start_seconds",
    "Time from the first request to a worker that is ready.",
    ("engine",),
    buckets=_BUCKETS,
)
_resident = Gauge(
    "pioche_inference_worker_rss_bytes", "Memory of all workers.", ("engine",), multiprocess_mode="livesum"
)
_worker_seconds = Counter("pioche_inference_worker_cpu_seconds_total", "Processor time of workers.", ("engine",))
_exports = Counter(
    "pioche_inference_exports_total",
    "Encoders that were to become ONNX, by what became of it: done or failed.",
    ("outcome",),
)
_evictions = Counter("pioche_inference_evictions_total", "Workers that were ended to make room for others.")

_deployed = Counter(
    "pioche_deployment_requests_total",
    "Requests to deployments of endpoints, by how they ended: ok or failed.",
    ("endpoint", "deployment", "outcome"),
)
_deployed_seconds = Histogram(
    "pioche_deployment_request_seconds",
    "Time from a request to a deployment to the last byte of its answer.",
    ("endpoint", "deployment"),
    buckets=_LATENCIES,
)
_weights = Gauge(
    "pioche_deployment_traffic_weight",
    "Percent of the requests of its endpoint.",
    ("endpoint", "deployment"),
    multiprocess_mode="mostrecent",
)
_ready = Gauge(
    "pioche_deployment_replicas",
    "Workers of a deployment that are ready.",
    ("endpoint", "deployment"),
    multiprocess_mode="livesum",
)

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "SSH", "GRPC"))


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


def inference(task: str, code: int, seconds: float) -> None:
    """A request to a model. `task` is one of the hub's own, never what a client sent."""
    _answered.labels(task, str(code)).inc()
    _inference_seconds.labels(task).observe(seconds)


def inference_began() -> None:
    _inflight.inc()


def inference_ended() -> None:
    _inflight.dec()


def first_token(task: str, seconds: float) -> None:
    _first_token.labels(task).observe(seconds)


def waited_for_worker(task: str, seconds: float) -> None:
    _waited.labels(task).observe(seconds)


def exported(outcome: str) -> None:
    """`outcome` is done or failed."""
    _exports.labels(outcome).inc()


def inference_error(kind: str) -> None:
    _inference_errors.labels(kind).inc()


def batches(task: str, count: int, requests: int) -> None:
    """Since they were counted last."""
    _batches.labels(task).inc(max(0, count))
    _batched.labels(task).inc(max(0, requests))


def deployment(endpoint: str, name: str, seconds: float, *, has_failed: bool) -> None:
    """A request to one."""
    _deployed.labels(endpoint, name, "failed" if has_failed else "ok").inc()
    _deployed_seconds.labels(endpoint, name).observe(seconds)


def placed(endpoint: str, name: str, weight: float, count: int) -> None:
    """How a deployment is, now."""
    _weights.labels(endpoint, name).set(weight)
    _ready.labels(endpoint, name).set(count)


def replicas(counts: Mapping[str, int]) -> None:
    """By state, now."""
    for state, count in counts.items():
        _replicas.labels(state).set(count)


def cold_start(engine: str, seconds: float) -> None:
    _cold_starts.labels(engine).observe(seconds)


def resident(engine: str, count: int) -> None:
    """Bytes, of all workers of the engine now."""
    _resident.labels(engine).set(count)


def worked(engine: str, seconds: float) -> None:
    """Processor time, since it was counted last."""
    _worker_seconds.labels(engine).inc(seconds)


def evicted() -> None:
    _evictions.inc()


def exposition() -> bytes:
    """The figures of all processes together, in Prometheus's text format."""
    TALLY.flush()
    if not getattr(ValueClass, "_multiprocess", False):
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library is not typed here
    return generate_latest(registry)
