"""The files that pages need, in memory: `/static/{digest}/...`, for ever cacheable, since another content has another digest.

One digest is that of all files together, so that ES modules may import each other by relative paths. Our style sheets are
sent as one, `app.css`, in the order of their names. `vendor/` holds third-party code that the build took from npm; a
checkout whose assets were not built lacks it, and pages do without (`are_complete`).
"""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from pioche.errors import NotFound
from pioche.http.messages import Headers, Request, Response

_ROOT = files("pioche.web") / "static"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "wasm": "application/wasm",
    "png": "image/png",
}
_COMPRESSED = ("css", "js", "json", "svg", "txt", "wasm")
_MARK = "vendor/THIRD_PARTY.txt"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent; `zipped` is empty where compressing saves nothing."""

    kind: str
    content: bytes
    zipped: bytes


@dataclass(frozen=True, slots=True)
class Assets:
    """Every file by its name below `/static/{digest}/`."""

    digest: str
    by_name: dict[str, Asset]

    @property
    def are_complete(self) -> bool:
        """False in a checkout where `make assets` has not run."""
        return _MARK in self.by_name


@cache
def load() -> Assets:
    """Read once a process."""
    contents = dict(sorted(_contents()))
    sheets = [content for name, content in contents.items() if name.startswith("css/")]
    contents["app.css"] = b"\n".join(sheets)
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(b"%s\0%d\0" % (name.encode(), len(content)))
        digest.update(content)
    return Assets(digest.hexdigest()[:16], {name: _asset(name, content) for name, content in contents.items()})


def url(name: str) -> str:
    """The address of a file: `/static/1f3a.../app.css`."""
    return f"/static/{load().digest}/{name}"


async def static(request: Request) -> Response:
    """GET /static/{digest}/{name*}. An older page may ask by an older digest: it gets what there is now, uncached."""
    found = load()
    asset = found.by_name.get(request.params["name"])
    if asset is None:
        raise NotFound("There is no such file")
    is_current = request.params["digest"] == found.digest
    headers: Headers = [
        ("Content-Type", asset.kind),
        ("Cache-Control", "public, max-age=31536000, immutable" if is_current else "no-cache"),
        ("Vary", "Accept-Encoding, Origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ]
    if asset.zipped and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(200, [*headers, ("Content-Encoding", "gzip")], asset.zipped)
    return Response(200, headers, asset.content)


async def favicon(request: Request) -> Response:
    """GET /favicon.ico, which browsers ask for where no page names an icon."""
    headers: Headers = [("Content-Type", "image/svg+xml"), ("Cache-Control", "public, max-age=86400")]
    return Response(200, headers, load().by_name["icon.svg"].content)


def _contents(folder: Traversable = _ROOT, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        name = prefix + entry.name
        if entry.is_dir():
            yield from _contents(entry, name + "/")
        elif entry.name.rpartition(".")[2] in _TYPES:
            yield name, entry.read_bytes()


def _asset(name: str, content: bytes) -> Asset:
    ending = name.rpartition(".")[2]
    zipped = gzip.compress(content, 9, mtime=0) if ending in _COMPRESSED and len(content) > 512 else b""
    return Asset(_TYPES[ending], content, zipped if len(zipped) < len(content) else b"")
