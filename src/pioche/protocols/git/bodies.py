"""Request bodies as git sends them: chunked, gzipped when long, of one content type a service."""

import zlib
from collections.abc import AsyncIterator

from pioche.errors import BadRequest, TooLarge, UnsupportedMediaType
from pioche.http.messages import Headers, Request

_GZIP = 16 + zlib.MAX_WBITS
_INFLATED_BYTES = 256 * 1024  # at once: a few bytes of gzip can stand for gigabytes

NO_CACHE: Headers = [
    ("Cache-Control", "no-cache, max-age=0, must-revalidate"),
    ("Expires", "Fri, 01 Jan 1980 00:00:00 GMT"),
    ("Pragma", "no-cache"),
]


def stream(request: Request, service: str) -> AsyncIterator[bytes]:
    """The body, unpacked, piece by piece; whoever reads counts. Raises UnsupportedMediaType, BadRequest, ClientLeft."""
    if request.headers.get("content-type", "") != f"application/x-{service}-request":
        raise UnsupportedMediaType(f"The Content-Type of this request is application/x-{service}-request")
    match request.headers.get("content-encoding", "identity"):
        case "identity":
            return request.stream()
        case "gzip" | "x-gzip":
            return _inflate(request.stream())
        case other:
            raise UnsupportedMediaType(f"Content-Encoding {other[:40]!r} is not accepted here: send gzip or none")


async def read(request: Request, service: str, bytes_max: int) -> bytes:
    """The whole body, unpacked. Raises TooLarge."""
    parts, size = list[bytes](), 0
    async for part in stream(request, service):
        size += len(part)
        if size > bytes_max:
            raise TooLarge(f"The request may have at most {bytes_max} bytes")
        parts.append(part)
    return b"".join(parts)


async def _inflate(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    inflater = zlib.decompressobj(_GZIP)
    async for piece in pieces:
        waiting = piece
        while waiting and not inflater.eof:
            try:
                part = inflater.decompress(waiting, _INFLATED_BYTES)
            except zlib.error:
                raise BadRequest("The body is not valid gzip") from None
            waiting = inflater.unconsumed_tail
            if part:
                yield part
    if not inflater.eof:
        raise BadRequest("The gzip body ends too early")
