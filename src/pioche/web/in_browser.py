"""What Spaces import to run models in the visitor's browser: `@huggingface/transformers`, set to ask this hub for models.

    const { pipeline } = await import(`${hub}/download/transformers/transformers.js`);

The build took it from npm (frontend/build.py). The files are larger than all others together: they stay on disk.
"""

import gzip
import hashlib
from functools import cache
from importlib.resources import files

from pioche.errors import NotFound
from pioche.http.messages import Headers, Request, Response
from pioche.http.routes import Needs, Route

_ROOT = files("pioche.web") / "browser"
_TYPES = {"js": "text/javascript; charset=utf-8", "mjs": "text/javascript; charset=utf-8", "wasm": "application/wasm"}


async def hand_out(request: Request) -> Response:
    """GET /download/transformers/{name}: for pages of any origin."""
    name = request.params["name"]
    etag = await request.run(_etag, name)
    headers: Headers = [
        ("Content-Type", _TYPES[name.rpartition(".")[2]]),
        ("Cache-Control", "public, max-age=3600"),
        ("ETag", etag),
        ("Vary", "Accept-Encoding, Origin"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
    ]
    if request.headers.get("if-none-match") == etag:
        return Response(304, headers)
    zipped = await request.run(_zipped, name)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(200, [*headers, ("Content-Encoding", "gzip")], zipped)
    return Response(200, headers, await request.run(gzip.decompress, zipped))


@cache
def _etag(name: str) -> str:
    """Weak: it is the same for both encodings."""
    return f'W/"{hashlib.sha256(_zipped(name)).hexdigest()[:24]}"'


def _zipped(name: str) -> bytes:
    found = _ROOT / f"{name}.gz"
    if "/" in name or name.rpartition(".")[2] not in _TYPES or not found.is_file():
        raise NotFound("There is no such file; a checkout has these once `make assets` has run")
    return found.read_bytes()


ROUTES = (Route("GET", "/download/transformers/{name}", Needs.ANYONE, hand_out),)
"""Anybody's: it is a library."""
