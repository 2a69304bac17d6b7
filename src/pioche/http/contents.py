"""Large files on the wire: a GET of one, whatever it is kept as. `resolve` and LFS downloads are the same bytes."""

from pioche.http import ranges, threads
from pioche.http.messages import Headers, Request, Response
from pioche.http.sources import FileSource, IteratorSource
from pioche.names import Sha256
from pioche.storage.contents import Content
from pioche.storage.disk import OpenFile


async def open_content(request: Request, content: Content, headers: Headers) -> Response:
    """200, 206, 304 or 416. Raises Corrupt while a status can still say so: when the bytes are not there, or wrong."""
    contents = request.hub.contents
    file = await _opened(request, content)

    def open_part(start: int, end: int) -> FileSource | IteratorSource:
        if file is not None:
            return FileSource(file, start, end - start)
        contents.asked(content, end - start)
        return IteratorSource(lambda: contents.read(content, start, end), end - start)

    etag = f'"{content.sha256}"'
    response = ranges.answer(request, etag=etag, length=content.size, open_part=open_part, headers=headers)
    if isinstance(response.body, IteratorSource):
        await response.body.begin()
    return response


async def _opened(request: Request, content: Content) -> OpenFile | None:
    contents = request.hub.contents
    file = contents.open(content)
    if file is not None and not contents.is_known_whole(content, file):
        await threads.run_long(contents.verify, content, file)
    if file is None and content.kind == "xet" and "range" not in request.headers:
        await request.run(contents.check, content)  # or damage to its last chunk would show when most of it is sent
    return file


async def check_promise(request: Request, sha256: Sha256, size: int) -> None:
    """What HEAD promises of a large file of this repo, GET will keep, as far as is known. Raises Corrupt, ContentNotFound."""
    contents = request.hub.contents
    if contents.glance(sha256, size):
        return
    content = await contents.locate(request.repo.id, sha256)
    if content.kind == "blob":
        await _opened(request, content)
    if await contents.is_any_damaged():
        await request.run(contents.check, content)
