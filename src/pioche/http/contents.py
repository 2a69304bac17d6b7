"""Large files on the wire: a GET of one, whatever it is kept as. `resolve` and LFS downloads are the same bytes."""

from collections.abc import Sequence

from pioche.http import ranges
from pioche.http.messages import Request, Response
from pioche.http.sources import FileSource, IteratorSource
from pioche.storage.contents import Content


async def open_content(request: Request, content: Content, headers: Sequence[tuple[str, str]]) -> Response:
    """200, 206, 304 or 416. Raises Corrupt while a status can still say so: when the bytes are not there."""
    contents = request.hub.contents
    file = contents.open(content)

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
