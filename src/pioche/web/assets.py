"""The files that pages need, in memory: `/static/{digest}/...`, for ever cacheable, since another content has another digest.

One digest is that of all files together, so that ES modules may import each other by relative paths. Our style sheets are
sent as one, `app.css`, in the order of their names. `vendor/` holds third-party code that the build took from npm; a
checkout whose assets were not built lacks it, and pages do without (`are_complete`).

What a browser runs is what was built: tags carry the hash of their file, an import map those of third-party modules, and
third-party files are compared to the hashes that the build wrote down before any of them is sent (ui.md section 1, point 6).
"""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable

from markupsafe import Markup

from pioche.errors import NotFound
from pioche.http.messages import Headers, Request, Response
from pioche.observe import log

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
_IMPORT_FOR_EFFECT = re.compile(rb"^import \"\./([\w.-]+\.js)\";$", re.MULTILINE)
_IMPORT_OR_EXPORT = re.compile(rb"^(?:import|export)\b|\bimport\(", re.MULTILINE)
_LARGE_BYTES = 512 * 1024
_VENDOR = "vendor/"
_MARK = "vendor/THIRD_PARTY.txt"
_HASHES = "vendor/hashes.json"
"""By file name below `vendor/`, sha256; written by frontend/build.py."""


@dataclass(frozen=True)
class Asset:
    """One file as it is sent."""

    kind: str
    content: bytes
    may_be_zipped: bool

    @cached_property
    def zipped(self) -> bytes:
        """Empty where compressing saves nothing. Made when it is first asked for: most hubs never send their largest scripts."""
        if not self.may_be_zipped or len(self.content) <= 512:
            return b""
        level = 9 if len(self.content) <= _LARGE_BYTES else 6
        zipped = gzip.compress(self.content, level, mtime=0)
        return zipped if len(zipped) < len(self.content) else b""

    @cached_property
    def integrity(self) -> str:
        """As tags have it (W3C Subresource Integrity)."""
        return "sha384-" + base64.b64encode(hashlib.sha384(self.content).digest()).decode()


@dataclass(frozen=True)
class Assets:
    """Every file by its name below `/static/{digest}/`."""

    digest: str
    by_name: dict[str, Asset]

    @property
    def are_complete(self) -> bool:
        """False in a checkout where `make assets` has not run."""
        return _MARK in self.by_name

    @cached_property
    def import_map(self) -> str:
        """With the hashes of the third-party modules, which ours import when they need them; empty without any."""
        modules = {
            f"/static/{self.digest}/{name}": asset.integrity
            for name, asset in self.by_name.items()
            if name.startswith(_VENDOR) and name.endswith(".js")
        }
        return json.dumps({"integrity": modules}, separators=(",", ":")) if modules else ""

    @cached_property
    def import_map_source(self) -> str:
        """By which a policy allows this one inline script (CSP, hash-source)."""
        digest = hashlib.sha256(self.import_map.encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def load() -> Assets:
    """Read once a process."""
    contents = _as_built(dict(sorted(_contents())))
    sheets = [content for name, content in contents.items() if name.startswith("css/")]
    contents["app.css"] = b"\n".join(sheets)
    contents |= {
        name: _gathered(name, contents) for name in contents if name.startswith("js/") and name.endswith(".js")
    }
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(b"%s\0%d\0" % (name.encode(), len(content)))
        digest.update(content)
    return Assets(digest.hexdigest()[:16], {name: _asset(name, content) for name, content in contents.items()})


def url(name: str) -> str:
    """The address of a file: `/static/1f3a.../app.css`."""
    return f"/static/{load().digest}/{name}"


def script(name: str) -> Markup:
    """The tag of a module."""
    tag = Markup('<script type="module" src="{}" integrity="{}"></script>')
    return tag.format(url(name), load().by_name[name].integrity)


def stylesheet(name: str) -> Markup:
    """The tag of a style sheet."""
    return Markup('<link rel="stylesheet" href="{}" integrity="{}">').format(url(name), load().by_name[name].integrity)


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
    if "gzip" in request.headers.get("accept-encoding", "") and (zipped := await request.run(_zipped, asset)):
        return Response(200, [*headers, ("Content-Encoding", "gzip")], zipped)
    return Response(200, headers, asset.content)


def _zipped(asset: Asset) -> bytes:
    """In a thread, as the largest take a while the first time."""
    return asset.zipped


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


def _as_built(contents: dict[str, bytes]) -> dict[str, bytes]:
    """Without third-party files when one of them is not what was built: then pages do without, and say so."""
    others = {name.removeprefix(_VENDOR): content for name, content in contents.items() if name.startswith(_VENDOR)}
    if not others:
        return contents
    expected = json.loads(contents.get(_HASHES, b"{}"))
    found = {name: hashlib.sha256(content).hexdigest() for name, content in others.items() if name != "hashes.json"}
    if found == expected:
        return contents
    wrong = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    log.warning("third-party files are not those that were built: they are not sent", files=wrong)
    return {name: content for name, content in contents.items() if not name.startswith(_VENDOR)}


def _gathered(name: str, contents: dict[str, bytes]) -> bytes:
    """A module with those in it that it imports for what they do alone: each would cost the reader one more request."""
    folder = name.rpartition("/")[0]

    def inlined(match: re.Match[bytes]) -> bytes:
        found = contents.get(f"{folder}/{match[1].decode()}", b"import")
        return match[0] if _IMPORT_OR_EXPORT.search(found) else b"{\n" + found + b"\n}"

    return _IMPORT_FOR_EFFECT.sub(inlined, contents[name])


def _asset(name: str, content: bytes) -> Asset:
    ending = name.rpartition(".")[2]
    return Asset(_TYPES[ending], content, ending in _COMPRESSED)
