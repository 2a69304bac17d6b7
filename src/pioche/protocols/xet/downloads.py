"""Downloads from the CAS: reconstructions, and the signed addresses of xorb bytes in them (xet.md 8.6, 8.7)."""

import re
import secrets
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import quote

from pioche.errors import Corrupt, InvalidRange, SignatureExpired
from pioche.http.messages import Headers, Request, Response, json_response
from pioche.http.sources import FileSource, IteratorSource, Source
from pioche.protocols.xet import tokens
from pioche.storage.blobs import HasPaths, xorb_key
from pioche.storage.xet.hashing import from_text, to_text
from pioche.storage.xet.reconstruction import Fetch, Reconstruction

_PURPOSE = "xet-data"
_WHOLE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})?\Z")
_RANGES = re.compile(r"bytes=(\d{1,10}-\d{1,10}(?:, ?\d{1,10}-\d{1,10})*)\Z")
_OCTETS = ("Content-Type", "application/octet-stream")


class Span(NamedTuple):
    """Bytes [start, end) of a stored xorb."""

    start: int
    end: int


# --- reconstructions ------------------------------------------------------------------------------------------------


async def reconstruct_v1(request: Request) -> Response:
    """`GET /v1/reconstructions/{file hash}`."""
    return json_response((await _plan(request)).v1(partial(_url, request)))


async def reconstruct_v2(request: Request) -> Response:
    """`GET /v2/reconstructions/{file hash}`."""
    return json_response((await _plan(request)).v2(partial(_url, request)))


async def _plan(request: Request) -> Reconstruction:
    session = await tokens.reader(request)
    name = to_text(from_text(request.params["hash"]))
    start, end = _asked(request.headers.get("range"))
    return await request.run(request.hub.xet.files.reconstruction, session.repo.id, name, start, end)


def _asked(header: str | None) -> tuple[int, int | None]:
    """The range of the file, its end exclusive. Clients that do not know the size ask far past it."""
    if header is None:
        return 0, None
    match = _WHOLE.match(header)
    if not match:
        raise InvalidRange(f"The Range header {header[:80]!r} is not of the form bytes=0-99")
    start, last = int(match[1]), None if match[2] is None else int(match[2])
    if last is None:
        return start, None if start == 0 else 1 << 60
    if last < start:
        raise InvalidRange(f"The range {start}-{last} ends before it begins")
    return start, last + 1


def _url(request: Request, xorb: bytes, fetches: list[Fetch]) -> str:
    """Signed over the xorb and these ranges; each of them may be fetched alone, as the clients do."""
    name = to_text(xorb)
    ranges = ",".join(f"{fetch.stored_start}-{fetch.stored_end - 1}" for fetch in fetches)
    seconds = request.hub.config.download_url_seconds
    signature = request.hub.keyring.sign(_PURPOSE, (name, ranges), seconds=seconds)
    return f"{request.base_url}{tokens.cas_path(request)}/data/{name}?ranges={ranges}&signature={quote(signature)}"


# --- xorb bytes -----------------------------------------------------------------------------------------------------


async def get_data(request: Request) -> Response:
    """The bytes behind a signed address: one range as 206, several as multipart/byteranges.

    The clients send no token here. 403 makes them ask for a new address; 404 and 416 would end the download.
    """
    name, ranges = request.params["hash"], request.query.get("ranges") or ""
    request.hub.keyring.verify(_PURPOSE, (name, ranges), request.query.get("signature") or "")
    allowed = _spans(ranges)
    wanted = _wanted(request.headers.get("range"))
    for span in wanted:
        if not any(member.start <= span.start and span.end <= member.end for member in allowed):
            raise SignatureExpired(f"This address does not cover the bytes {span.start} to {span.end - 1}")
    key = xorb_key(name)
    size = await request.run(request.hub.blobs.size, key)
    if size is None or size < wanted[-1].end:
        raise Corrupt(f"The xorb {name} is missing or too short")
    if len(wanted) == 1:
        return _single(request, key, wanted[0], size)
    return _multiple(request, key, wanted, size)


def _single(request: Request, key: str, span: Span, size: int) -> Response:
    headers: Headers = [_OCTETS, ("Content-Range", f"bytes {span.start}-{span.end - 1}/{size}"), _PRIVATE]
    return Response(206, headers, _source(request, key, span))


def _multiple(request: Request, key: str, spans: list[Span], size: int) -> Response:
    boundary = secrets.token_hex(16)
    heads = [
        f"--{boundary}\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Range: bytes {span.start}-{span.end - 1}/{size}\r\n\r\n".encode()
        for span in spans
    ]
    tail = f"--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(s.end - s.start + 2 for s in spans) + len(tail)

    def pieces() -> Iterator[bytes]:
        for head, span in zip(heads, spans, strict=True):
            yield head
            yield from request.hub.blobs.read(key, span.start, span.end)
            yield b"\r\n"
        yield tail

    content_type = ("Content-Type", f"multipart/byteranges; boundary={boundary}")
    return Response(206, [content_type, _PRIVATE], IteratorSource(pieces, length))


_PRIVATE = ("Cache-Control", "private, max-age=3600, immutable")


def _source(request: Request, key: str, span: Span) -> Source:
    blobs, length = request.hub.blobs, span.end - span.start
    if isinstance(blobs, HasPaths):
        return FileSource(blobs.path(key), span.start, length)
    return IteratorSource(lambda: blobs.read(key, span.start, span.end), length)


def _wanted(header: str | None) -> list[Span]:
    match = _RANGES.match(header or "")
    if not match:
        raise InvalidRange("Send a Range header with the bytes of this address, as in bytes=0-99")
    spans = sorted(_spans(match[1].replace(" ", "")))
    if any(a.end > b.start for a, b in pairwise(spans)):
        raise InvalidRange("The ranges overlap")
    return spans


def _spans(text: str) -> list[Span]:
    spans = [Span(int(first), int(last) + 1) for first, _, last in (part.partition("-") for part in text.split(","))]
    if any(span.end <= span.start for span in spans):
        raise InvalidRange("A range ends before it begins")
    return spans
