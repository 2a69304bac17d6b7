"""Structured logs: one line a request, one a fault. No secret, no header, no body, no query string in any of them."""

import structlog

_log = structlog.get_logger("pioche")


def access(request_id: str, method: str, path: str, status: int, sent: int, seconds: float) -> None:
    """At level debug: a hub answers thousands of requests a second."""
    _log.debug(
        "request", id=request_id, method=method, path=path, status=status, bytes=sent, ms=round(seconds * 1000, 1)
    )


def failure(request_id: str, method: str, path: str, error: BaseException) -> None:
    """A fault of ours, with its trace."""
    _log.error("failure", id=request_id, method=method, path=path, error=repr(error), exc_info=error)
