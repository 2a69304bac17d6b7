"""Parts of a representation: Range, If-Range and If-None-Match as RFC 9110 sections 13 and 14 define them.

`answer` is the one way to send a file: `resolve`, `raw`, LFS downloads and the data addresses of Xet all end in it.
The validator is always a strong ETag; nothing here has a modification date, so `If-Modified-Since` never decides and a
date in `If-Range` never matches.
"""

import re
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import NamedTuple, Self

from pioche.errors import InvalidRange, RangeNotSatisfiable
from pioche.http.messages import Headers, Request, Response
from pioche.http.sources import Piece, Source, close_pieces

PARTS_MAX = 16
"""Separate ranges in one answer, after joining those that touch. More is "an excessive request" and gets 416."""

_DIGITS_MAX = 18  # more cannot be the size of anything; and int() of a very long text is slow

_PLAIN = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})\Z")
"""What nearly all clients send."""

ACCEPT_RANGES = ("Accept-Ranges", "bytes")


class Span(NamedTuple):
    """Bytes [start, end)."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


OpenPart = Callable[[int, int], "bytes | Source"]
"""(start, end) -> those bytes of the representation."""


def answer(
    request: Request,
    *,
    etag: str,
    length: int,
    open_part: OpenPart,
    headers: Headers,
    parts_max: int = PARTS_MAX,
) -> Response:
    """200, 206, 304 or 416 for a representation of `length` bytes.

    `etag` is strong and comes with its quotes. `headers` are those of a 200 without Content-Length, ETag and
    Accept-Ranges; the list is added to. HEAD ignores Range. Raises InvalidRange and RangeNotSatisfiable.
    """
    headers.append(("ETag", etag))
    headers.append(ACCEPT_RANGES)
    sent = request.headers
    if is_known(request, etag):
        return Response(304, headers)
    if "range" in sent and request.method == "GET" and sent.get("if-range", etag) == etag:
        spans = parse(sent["range"], length, parts_max=parts_max)
        if spans is not None:
            return _partial(spans, length, open_part, headers)
    if request.method == "HEAD":
        headers.append(("Content-Length", str(length)))
        return Response(200, headers)
    return Response(200, headers, open_part(0, length) if length else b"")


def is_known(request: Request, etag: str) -> bool:
    """True when the client has this representation already: the answer will be 304 and needs no bytes."""
    known = request.headers.get("if-none-match")
    return known is not None and matches(known, etag)


def matches(header: str, etag: str) -> bool:
    """`If-None-Match`: weak comparison with each tag of the list; `*` is any."""
    if header == etag:
        return True
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in header.split(","))


# --- parsing --------------------------------------------------------------------------------------------------------


def plain(header: str, length: int) -> Span | None:
    """The span of a header `bytes=FIRST-LAST` that lies inside; None for every other one, which `parse` understands."""
    found = _PLAIN.match(header)
    if found is None:
        return None
    first, last = int(found[1]), int(found[2])
    return Span(first, min(last + 1, length)) if first <= last and first < length else None


def parse(header: str, length: int, *, parts_max: int = PARTS_MAX) -> list[Span] | None:
    """The spans that `header` asks for, in its order unless some had to be joined; None where it is to be ignored.

    Raises InvalidRange for a wrong form, RangeNotSatisfiable when nothing of it lies inside or too much is asked for.
    """
    if (span := plain(header, length)) is not None:
        return [span]
    unit, equals, listed = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None  # RFC 9110 section 14.2: a unit that is not understood must be ignored
    if length == 0:
        return None  # Content-Range cannot name a part of nothing; 200 with nothing is what a resuming client needs
    spans, forms = list[Span](), 0
    for form in listed.split(","):
        if form := form.strip(" \t"):
            forms += 1
            span = _span(form, length)
            if span is not None:
                spans.append(span)
    if not forms:
        raise InvalidRange(f"The Range header {header[:80]!r} names no range: use bytes=FIRST-LAST")
    if not spans:
        raise RangeNotSatisfiable(length)
    spans = _joined(spans)
    if len(spans) > parts_max:
        raise RangeNotSatisfiable(length, f"At most {parts_max} separate ranges are served in one answer")
    return spans


def _span(form: str, length: int) -> Span | None:
    """`first-last`, `first-` or `-suffix`; None when it lies outside. Raises InvalidRange."""
    first, dash, last = form.partition("-")
    if not dash or not (first or last) or not _is_number(first or "0") or not _is_number(last or "0"):
        raise InvalidRange(f"{form[:80]!r} is not a range: use FIRST-LAST, FIRST- or -LENGTH, in bytes")
    if not first:
        start, end = max(0, length - _number(last)), length
    else:
        start, end = _number(first), _number(last) + 1 if last else length
        if last and end <= start:
            raise InvalidRange(f"The range {form[:80]!r} ends before it starts")
    end = min(end, length)
    return Span(start, end) if start < end else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(text: str) -> int:
    return int(text) if len(text) <= _DIGITS_MAX else 10**_DIGITS_MAX


def _joined(spans: list[Span]) -> list[Span]:
    """Spans that overlap or touch made one: no byte is sent twice. Without such, the order asked for stays."""
    if len(spans) == 1:
        return spans
    ordered = sorted(spans)
    joined = [ordered[0]]
    for span in ordered[1:]:
        if span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return spans if len(joined) == len(spans) else joined


# --- answering ------------------------------------------------------------------------------------------------------


def _partial(spans: list[Span], length: int, open_part: OpenPart, headers: Headers) -> Response:
    if len(spans) == 1:
        start, end = spans[0]
        headers.append(("Content-Range", f"bytes {start}-{end - 1}/{length}"))
        return Response(206, headers, open_part(start, end))
    kind = next((value for name, value in headers if name == "Content-Type"), "application/octet-stream")
    boundary = secrets.token_hex(16)
    parts = [(_part_head(boundary, kind, span, length), span.length, open_part(*span)) for span in spans]
    source = PartsSource.of(parts, f"\r\n--{boundary}--\r\n".encode())
    headers = [pair for pair in headers if pair[0] != "Content-Type"]
    headers.append(("Content-Type", f"multipart/byteranges; boundary={boundary}"))
    return Response(206, headers, source)


def _part_head(boundary: str, kind: str, span: Span, length: int) -> bytes:
    content_range = f"bytes {span.start}-{span.end - 1}/{length}"
    return f"\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {content_range}\r\n\r\n".encode("latin-1")


Part = tuple[bytes, int, "bytes | Source"]
"""Its head, the length of its bytes, its bytes."""


@dataclass(slots=True)
class PartsSource:
    """A `multipart/byteranges` body."""

    parts: list[Part]
    tail: bytes
    length: int | None

    @classmethod
    def of(cls, parts: list[Part], tail: bytes) -> Self:
        return cls(parts, tail, sum(len(head) + size for head, size, _ in parts) + len(tail))

    async def pieces(self) -> AsyncIterator[Piece]:
        for head, _, content in self.parts:
            yield head
            if isinstance(content, bytes):
                yield content
                continue
            pieces = content.pieces()
            try:
                async for piece in pieces:
                    yield piece
            finally:
                await close_pieces(pieces)
        yield self.tail
