"""Downloads from the CAS: reconstructions, and the signed addresses of xorb bytes in them (xet.md 8.6, 8.7)."""

import re
from functools import partial
from typing import NamedTuple
from urllib.parse import quote

from pioche.errors import Corrupt, InvalidRange, SignatureExpired
from pioche.http import ranges
from pioche.http.messages import Headers, Request, Response, json_response
from pioche.http.ranges import Span
from pioche.http.sources import FileSource, IteratorSource, Source
from pioche.protocols.xet import tokens
from pioche.storage.blobs import HasSignedUrls, xorb_key
from pioche.storage.disk import OpenFile
from pioche.storage.xet.hashing import from_text, to_text
from pioche.storage.xet.reconstruction import FETCHES_PER_URL, Fetch, Reconstruction, UrlOf

_PURPOSE = "xet-data"
_WHOLE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})?\Z")


# --- reconstructions ------------------------------------------------------------------------------------------------


async def reconstruct_v1(request: Request) -> Response:
    """`GET /v1/reconstructions/{file hash}`."""
    plan, addresses = await _plan(request), _addresses(request)
    return json_response(await request.run(plan.v1, addresses.of, per_url=addresses.ranges_max))


async def reconstruct_v2(request: Request) -> Response:
    """`GET /v2/reconstructions/{file hash}`."""
    plan, addresses = await _plan(request), _addresses(request)
    return json_response(await request.run(plan.v2, addresses.of, per_url=addresses.ranges_max))


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


class _Addresses(NamedTuple):
    """Signs: `ranges_max` ranges of a xorb under one address."""

    of: UrlOf
    ranges_max: int


def _addresses(request: Request) -> _Addresses:
    """Of the store where clients reach it, else of the hub. The store can bind an address to one range only; without
    that, it would open all of a xorb, in which there may be chunks of files that the caller may not read."""
    store = request.hub.signed_downloads
    if store is None:
        return _Addresses(partial(_url, request), FETCHES_PER_URL)
    return _Addresses(partial(_url_of_store, store, request.hub.config.download_url_seconds), 1)


def _url_of_store(store: HasSignedUrls, seconds: int, xorb: bytes, fetches: list[Fetch]) -> str:
    (fetch,) = fetches
    return store.signed_get(xorb_key(to_text(xorb)), seconds=seconds, span=(fetch.stored_start, fetch.stored_end))


def _url(request: Request, xorb: bytes, fetches: list[Fetch]) -> str:
    """Signed over the xorb and these ranges; each of them may be fetched alone, as the clients do."""
    name = to_text(xorb)
    signed = ",".join(f"{fetch.stored_start}-{fetch.stored_end - 1}" for fetch in fetches)
    seconds = request.hub.config.download_url_seconds
    signature = request.hub.keyring.sign(_PURPOSE, (tokens.cas_path(request), name, signed), seconds=seconds)
    return f"{request.base_url}{tokens.cas_path(request)}/data/{name}?ranges={signed}&signature={quote(signature)}"


# --- xorb bytes -----------------------------------------------------------------------------------------------------


async def get_data(request: Request) -> Response:
    """The bytes behind a signed address: 206 for one range, multipart/byteranges for several.

    The clients send no token here. 403 makes them ask for a new address; 404 and 416 would end the download.
    """
    name, signed = request.params["hash"], request.query.get("ranges") or ""
    place = tokens.cas_path(request)
    request.hub.keyring.verify(_PURPOSE, (place, name, signed), request.query.get("signature") or "")
    address = request.hub.addresses.client(request.scope, request.headers)
    if not await request.hub.access.is_there(request.params["store"].partition("-")[0], address):
        raise SignatureExpired("The repo that this address was made for is gone")
    allowed, key = _spans(signed), xorb_key(name)
    file, size = await request.run(_stored, request, name)
    if size < allowed[-1].end:
        raise Corrupt(f"The xorb {name} is too short")
    wanted = ranges.parse(request.headers.get("range", ""), size, parts_max=FETCHES_PER_URL)
    # If-Range may ask for the whole instead, which the signature does not cover.
    if wanted is None or "if-range" in request.headers:
        raise InvalidRange("Send a Range header with the bytes of this address, as in bytes=0-99, and no If-Range")
    for span in wanted:
        if not any(member.start <= span.start and span.end <= member.end for member in allowed):
            raise SignatureExpired(f"This address does not cover the bytes {span.start} to {span.end - 1}")

    def open_part(start: int, end: int) -> Source:
        if file is not None:
            return FileSource(file, start, end - start)
        return IteratorSource(lambda: request.hub.blobs.read(key, start, end), end - start)

    return ranges.answer(
        request, etag=f'"{name}"', length=size, open_part=open_part, headers=[*_HEADERS], parts_max=FETCHES_PER_URL
    )


def _stored(request: Request, name: str) -> tuple[OpenFile | None, int]:
    """The xorb as a file, where the store has files, and its size. Raises Corrupt; SignatureExpired for one that was
    collected."""
    files = request.hub.xet.files
    try:
        file = files.open_xorb(from_text(name))
        size = request.hub.blobs.size(xorb_key(name)) if file is None else file.size
        if size is None:
            raise Corrupt(f"The xorb {name} is missing")
    except Corrupt:
        if files.knows(name):
            raise
        raise SignatureExpired(f"The xorb {name} was collected: ask for the file's new addresses") from None
    return file, size


_HEADERS: Headers = [
    ("Content-Type", "application/octet-stream"),
    ("Cache-Control", "private, max-age=3600, immutable"),
]


def _spans(signed: str) -> list[Span]:
    """The ranges of an address, in order; those that touch are one, since a client may ask for both at once."""
    joined = list[Span]()
    for part in signed.split(","):
        first, _, last = part.partition("-")
        start, end = int(first), int(last) + 1
        if joined and joined[-1].end == start:
            joined[-1] = Span(joined[-1].start, end)
        else:
            joined.append(Span(start, end))
    return joined
