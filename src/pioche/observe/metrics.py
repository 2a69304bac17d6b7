"""Counters and timings for Prometheus."""

from prometheus_client import Counter, Histogram

_requests = Counter("pioche_requests_total", "Requests answered.", ("method", "route", "status"))
_seconds = Histogram(
    "pioche_request_seconds", "Time from the request's headers to the last byte of its answer.", ("method", "route")
)


def request(method: str, route: str, status: int, seconds: float) -> None:
    """`route` is a pattern of the tables, never an address: names of private repos stay out of the metrics."""
    _requests.labels(method, route, str(status)).inc()
    _seconds.labels(method, route).observe(seconds)
