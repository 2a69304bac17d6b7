"""How a file's bytes are labelled, so that no browser runs them here: text is plain text, nothing is sniffed, and what is
shown is shown in a sandbox of its own (reliability.md F-RAW). `nosniff` is on every answer of the hub.
"""

from functools import lru_cache
from urllib.parse import quote

from pioche.http.messages import Headers

_TEXT = "text/plain; charset=utf-8"
_OCTETS = "application/octet-stream"

# Shown by browsers and unable to run anything. SVG and PDF can, so they are not here.
_MEDIA = {
    **{suffix: f"image/{suffix}" for suffix in ("png", "gif", "webp", "avif", "bmp", "jpeg")},
    **{suffix: f"audio/{suffix}" for suffix in ("wav", "flac", "ogg", "opus", "aac")},
    **{suffix: f"video/{suffix}" for suffix in ("mp4", "webm")},
    "jpg": "image/jpeg",
    "ico": "image/x-icon",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "mov": "video/quicktime",
}

# A large file is text only when its name says so; a regular one is unless its name says otherwise, since binary files
# are refused outside LFS.
_TEXT_SUFFIXES = frozenset(
    """
    c cc cfg conf cpp css csv env go h hpp htm html ini ipynb java jinja js json jsonl jsx lock log lua md mjs ndjson py
    r rs rst sh sql svg tex toml ts tsv tsx txt vocab xhtml xml yaml yml
    """.split()
)

_SANDBOX = ("Content-Security-Policy", "default-src 'none'; sandbox")


@lru_cache(maxsize=8192)
def fixed(path: str, *, is_large: bool, is_attachment: bool = False) -> tuple[tuple[str, str], ...]:
    """The headers that depend on the name alone: Content-Type, Content-Disposition, Content-Security-Policy."""
    name = path.rpartition("/")[2]
    return (("Content-Type", content_type(name, is_large=is_large)), _disposition(name, is_attachment), _SANDBOX)


def content_type(name: str, *, is_large: bool) -> str:
    suffix = name.rpartition(".")[2].lower()
    if suffix in _MEDIA:
        return _MEDIA[suffix]
    return _TEXT if not is_large or suffix in _TEXT_SUFFIXES else _OCTETS


def _disposition(name: str, is_attachment: bool) -> tuple[str, str]:
    """Both forms, in the Hub's order and with its semicolon at the end, which the client's pattern needs.

    RFC 6266: `filename*` is exact; `filename` is for old clients and keeps only what needs no escape.
    """
    kind = "attachment" if is_attachment else "inline"
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "-_. +") else "_" for char in name)
    return "Content-Disposition", f"{kind}; filename*=UTF-8''{quote(name, safe='')}; filename=\"{plain}\";"


def caching(*, is_private: bool, is_immutable: bool) -> tuple[str, str]:
    """Bytes named by a full commit id never change; a branch is asked about every time. What is not public is not kept."""
    return _PRIVATE if is_private else _IMMUTABLE if is_immutable else _ASK


_PRIVATE = ("Cache-Control", "private, no-store")
_IMMUTABLE = ("Cache-Control", "public, max-age=31536000, immutable")
_ASK = ("Cache-Control", "no-cache")

POINTER: Headers = [("Content-Type", _TEXT), _SANDBOX]
