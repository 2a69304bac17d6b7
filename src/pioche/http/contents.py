"""Large files on the wire: a GET of one, whatever it is kept as. `resolve` and LFS downloads are the same bytes.

Where clients can reach the store, a whole file is fetched from it: the hub answers with a signed address, and with all that
the client wants to know beside the bytes. HEAD is always answered here.
"""

from collections.abc import Sequence
from functools import cached_property

from pioche.http import accel, ranges, threads
from pioche.http.messages import Encoded, Request, Response
from pioche.http.sending import encode
from pioche.http.sources import FileSource, IteratorSource
from pioche.names import Sha256
from pioche.storage.blobs import HasSignedUrls, Label, blob_key
from pioche.storage.contents import Content
from pioche.storage.disk import OpenFile

_SIGNED_SECONDS_MAX = 900  # whoever loses a right keeps no longer than this what was signed before (C7)
_NOT_KEPT = ("Cache-Control", "private, no-store")


class Delivery:
    """A GET of one large file, answered again and again while nothing is committed (`Request.remember`).

    The part of a file that is asked for next, which is most of what readers of weights and of tables send, is answered
    with headers that were encoded before, from a file that is open; whether it is still whole is looked at each time.
    """

    def __init__(self, content: Content, headers: Sequence[tuple[str, str]]) -> None:
        self._content = content
        self._headers = tuple(headers)

    async def __call__(self, request: Request) -> Response:
        """As `open_content`."""
        return self._next_part(request) or await open_content(request, self._content, self._headers)

    def _next_part(self, request: Request) -> Response | None:
        """206 for one range of a file that is held open; None where anything else is asked for or to be looked at."""
        asked, hub = request.summary.lone_range, request.hub
        if asked is None or hub.config.accel or request.summary.has_session:
            return None
        span = ranges.plain(asked.decode("latin-1"), self._content.size)
        file = hub.contents.opened.find(self._content.sha256) if span else None
        if span is None or file is None:
            return None
        start, end = span
        own = (b"content-range", b"bytes %d-%d/%d" % (start, end - 1, self._content.size))
        length = (b"content-length", b"%d" % (end - start))
        return Response(206, body=FileSource(file, start, end - start), encoded=[*self._encoded, own, length])

    @cached_property
    def _encoded(self) -> Encoded:
        return encode([*self._headers, ("ETag", f'"{self._content.sha256}"'), ranges.ACCEPT_RANGES])


async def open_content(request: Request, content: Content, headers: Sequence[tuple[str, str]]) -> Response:
    """200, 206, 302, 304 or 416. Raises Corrupt while a status can still say so: when the bytes are not there."""
    url = signed_url(request, content, headers) if request.method == "GET" else None
    if url is not None:
        return _redirect(request, content, headers, url)
    contents = request.hub.contents
    file = await _opened(request, content)
    if file is not None and (place := accel.place(request, content)) is not None:
        return accel.redirect(request, content, headers, place)

    def open_part(start: int, end: int) -> FileSource | IteratorSource:
        if file is not None:
            return FileSource(file, start, end - start)
        contents.asked(content, end - start)
        return IteratorSource(lambda: contents.read(content, start, end), end - start)

    etag = f'"{content.sha256}"'
    response = ranges.answer(request, etag=etag, length=content.size, open_part=open_part, headers=[*headers])
    if isinstance(response.body, IteratorSource):
        await response.body.begin()
    return response


async def _opened(request: Request, content: Content) -> OpenFile | None:
    contents = request.hub.contents
    file = contents.open(content)
    if file is not None and not contents.is_known_whole(content, file):
        await threads.run_long(contents.verify, content, file)
    if file is not None and request.summary.asks_for_range:
        contents.opened.keep(content.sha256, file)
    if file is None and content.kind == "xet" and "range" not in request.headers:
        await request.run(contents.check, content)  # or damage to its last chunk would show when most of it is sent
    return file


async def check_promise(request: Request, sha256: Sha256, size: int) -> None:
    """What HEAD promises of a large file of this repo, GET will keep, as far as is known. Raises Corrupt, ContentNotFound."""
    if request.hub.contents.glance(sha256, size):
        return
    content = await request.hub.contents.locate(request.repo.id, sha256)
    if content.kind == "blob":
        await _opened(request, content)


def signed_url(request: Request, content: Content, headers: Sequence[tuple[str, str]]) -> str | None:
    """Where the store itself gives the file, labelled as `headers` say; None when it has to come through the hub."""
    store = request.hub.signed_downloads
    return None if store is None or content.kind != "blob" else _signed(request, store, content, dict(headers))


def _signed(request: Request, store: HasSignedUrls, content: Content, said: dict[str, str]) -> str:
    label = Label(said["Content-Type"], said["Content-Disposition"], said["Cache-Control"])
    seconds = min(request.hub.config.download_url_seconds, _SIGNED_SECONDS_MAX)
    return store.signed_get(blob_key(content.sha256), seconds=seconds, label=label)


def _redirect(request: Request, content: Content, headers: Sequence[tuple[str, str]], url: str) -> Response:
    """302. The ETag is the file's, and not that of the store; the address is for this client, and for a while only."""
    etag = f'"{content.sha256}"'
    if ranges.is_known(request, etag):
        return Response(304, [*headers, ("ETag", etag)])
    kept = [header for header in headers if header[0] not in ("Cache-Control", "Content-Type")]
    return Response(302, [*kept, ("ETag", etag), ranges.ACCEPT_RANGES, _NOT_KEPT, ("Location", url)])
