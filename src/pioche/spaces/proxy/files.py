"""Static Spaces: files of a commit, as they are. A page is told of its hub and of the Space's variables, as on the Hub:
`window.huggingface.variables`."""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote

import msgspec

from pioche.spaces.proxy.heads import Headers

_INDEX = "index.html"
_NOT_FOUND = "404.html"
_HTML = "text/html"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".md": "text/markdown"}


@dataclass(frozen=True, slots=True)
class Found:
    """`body` is given for what was changed; otherwise the file is sent."""

    status: str
    headers: Headers
    path: Path
    size: int
    body: bytes | None = None


def find(folder: Path, index: str, path: str, variables: Mapping[str, str]) -> Found | None:
    """None where there is nothing, and no page that says so. For a thread."""
    place, status = _place(folder, index, unquote(path)), "200 OK"
    if place is None:
        place, status = folder / _NOT_FOUND, "404 Not Found"
        if not place.is_file():
            return None
    kind = _TYPES.get(place.suffix.lower()) or mimetypes.guess_type(place.name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind in ("application/json", "image/svg+xml")
    found = place.stat()
    headers: Headers = (
        ("Content-Type", f"{kind}; charset=utf-8" if text else kind),
        ("Last-Modified", formatdate(found.st_mtime, usegmt=True)),
        ("X-Content-Type-Options", "nosniff"),
    )
    body = _told(place.read_bytes(), variables) if kind == _HTML else None
    return Found(status, headers, place, found.st_size if body is None else len(body), body)


def _place(folder: Path, index: str, path: str) -> Path | None:
    """The file of an address, which has to lie in the folder."""
    parts = [part for part in path.split("/") if part]
    if any(part in (".", "..") or "\0" in part for part in parts):
        return None
    place = folder.joinpath(*parts)
    if not parts:
        place = folder / index
    elif place.is_dir():
        place = place / _INDEX
    return place if place.is_file() else None


def _told(page: bytes, variables: Mapping[str, str]) -> bytes:
    """With the script at the beginning of what the page has for a head; a page without one has it in front."""
    # A script ends at the first "</script": in JSON every slash may be escaped.
    known = msgspec.json.encode({"variables": dict(variables)}).replace(b"</", b"<\\/").replace(b"<!--", b"<\\u0021--")
    script = b"<script>window.huggingface=" + known + b";</script>"
    lowered = page.lower()
    at = lowered.find(b"<head")
    end = page.find(b">", at) + 1 if at >= 0 and lowered[at + 5 : at + 6] in (b">", b" ", b"\n", b"\t", b"\r") else 0
    if not end:
        doctype = lowered.find(b">") + 1 if lowered.lstrip().startswith(b"<!doctype") else 0
        return page[:doctype] + script + page[doctype:]
    return page[:end] + script + page[end:]
