"""Files that a proxy in front sends itself: the hub checks the rights and names the file, nginx reads it (X-Accel-Redirect).

Only for a proxy that is trusted and that says for whom it asks: who comes directly gets the bytes from here. A request with
If-Range too, since nginx does not know our ETags. The location that the setting `accel` names is in packaging/nginx.conf.
"""

from collections.abc import Sequence

from pioche.http import ranges
from pioche.http.messages import Request, Response
from pioche.storage.blobs import blob_key
from pioche.storage.contents import Content


def place(request: Request, content: Content) -> str | None:
    """Where the proxy finds the local file of a content kept whole; None when its bytes are to come from here."""
    prefix = request.hub.config.accel
    if not prefix:
        return None
    headers = request.headers
    if content.kind != "blob" or request.method != "GET" or "if-range" in headers:
        return None
    if "x-forwarded-for" not in headers or not request.hub.addresses.is_proxy(request.scope):
        return None
    return f"{prefix}/{blob_key(content.sha256)}"


def redirect(request: Request, content: Content, headers: Sequence[tuple[str, str]], found: str) -> Response:
    """200 with nothing but the place, or 304. The proxy makes 200, 206 or 416 of it, by the client's Range."""
    etag = f'"{content.sha256}"'
    if ranges.is_known(request, etag):
        return Response(304, [*headers, ("ETag", etag)])
    # Without Accept-Ranges: nginx says it too, and a header that stands twice is two values to clients.
    return Response(200, [*headers, ("ETag", etag), ("X-Accel-Redirect", found)])
