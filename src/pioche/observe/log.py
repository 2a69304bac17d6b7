"""Structured logs on standard error: one JSON object a line, or text for people. No secret in any of them.

`configure` is called once a process. Every line that is written while a request is answered carries the request's id.
Headers, bodies and query strings are never logged; what a message or a trace may carry of them is blackened here.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import Processor

Fields = MutableMapping[str, Any]

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Set by the kernel for each request; worker threads inherit it."""

trace_id: ContextVar[str] = ContextVar("trace_id", default="")
"""Set where requests are traced (`observe.traces`)."""

_log = structlog.get_logger("pioche")
_access_is_logged = True

_BLACK = "***"
_SECRET_KEY = re.compile(r"authorization|cookie|password|secret|signature|\btoken\b", re.IGNORECASE)
_SECRETS = (
    (re.compile(r"\bhf_[A-Za-z0-9]{8,}"), "hf_" + _BLACK),
    (re.compile(r"\b(bearer|basic|digest)\s+[A-Za-z0-9+/=._~-]{6,}", re.IGNORECASE), rf"\1 {_BLACK}"),
    # What `keys.Keyring` makes: kid.expiry.mac, also at the end of a sealed token.
    (re.compile(r"\b[0-9a-f]{8}\.\d{9,11}\.[A-Za-z0-9_-]{20,}"), _BLACK),
    (re.compile(r"(://[^/\s:@]*):[^/\s@]+@"), rf"\1:{_BLACK}@"),
    (
        re.compile(
            r"(password|secret|token|authorization|signature)(['\"]?\s*[=:]\s*['\"]?)[^\s'\",&}]+", re.IGNORECASE
        ),
        rf"\1\2{_BLACK}",
    ),
    (re.compile(r"\?[^\s'\"<>?]*=[^\s'\"<>]*"), "?" + _BLACK),
)


def configure(level: str, form: str, *, stream: TextIO | None = None) -> None:
    """`level` and `form` are the settings log_level and log_format."""
    global _access_is_logged
    number = logging.getLevelNamesMapping()[level.upper()]
    _access_is_logged = number <= logging.DEBUG
    target = stream or sys.stderr
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_request_id,
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer = _renderer(form)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(target),
    )
    _configure_libraries(max(number, logging.WARNING), shared, renderer, target)


def _configure_libraries(number: int, shared: list[Processor], renderer: Processor, stream: TextIO) -> None:
    """What libraries say by `logging`, in the same form; from warnings up, since below some print what they handle."""
    handler = logging.StreamHandler(stream)
    rendered = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=rendered))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)


def _renderer(form: str) -> Processor:
    if form == "text":
        return structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(
        serializer=lambda value, **_: msgspec.json.encode(value, enc_hook=repr).decode()
    )


def _with_request_id(_logger: Any, _method: str, fields: Fields) -> Fields:
    if identifier := request_id.get():
        fields.setdefault("id", identifier)
    if trace := trace_id.get():
        fields.setdefault("trace", trace)
    return fields


def redact(_logger: Any, _method: str, fields: Fields) -> Fields:
    """Blackens whatever looks like a credential, by the name of its field or by its form."""
    return {key: _redacted(key, value) for key, value in fields.items()}


def _redacted(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return _BLACK if _SECRET_KEY.search(key) else blacken(value)
    if isinstance(value, dict):
        return {k: _redacted(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(key, item) for item in value]
    return value


def blacken(text: str) -> str:
    """`text` without the tokens, passwords, signatures and query strings that can be told by their form."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


# --- what is logged -------------------------------------------------------------------------------------------------


def access(method: str, path: str, status: int, sent: int, seconds: float) -> None:
    """One request. At level debug: a hub answers thousands of requests a second."""
    if _access_is_logged:
        _log.debug("request", method=method, path=path, status=status, bytes=sent, ms=round(seconds * 1000, 1))


def failure(method: str, path: str, error: BaseException) -> None:
    """A request that ended in a fault of ours, with its trace."""
    _log.error("request failed", method=method, path=path, error=repr(error), exc_info=error)


def fault(event: str, error: BaseException, **fields: Any) -> None:
    """A fault outside of any request, with its trace."""
    _log.error(event, error=repr(error), exc_info=error, **fields)


def info(event: str, **fields: Any) -> None:
    """Something an operator wants to know."""
    _log.info(event, **fields)


def warning(event: str, **fields: Any) -> None:
    """Something an operator should look at."""
    _log.warning(event, **fields)
