"""What a PDF says of itself, found without opening it: its version, how many pages it has, whether it holds programs.

Names may be written with escapes (`/J#61vaScript`) and objects may be packed, so that "no scripts seen" is no promise; the
page says so by never opening a PDF on this origin.
"""

import re
import zlib
from dataclasses import dataclass

from pioche.repos.preview.spans import Span, Unreadable

_READ_MAX = 4 * 2**20
_STREAMS_MAX = 200
_INFLATED_MAX = 2 * 2**20
_COUNT = re.compile(
    rb"/Type\s{0,8}/Pages\b[^>]{0,400}?/Count\s{1,8}(\d{1,7})|/Count\s{1,8}(\d{1,7})[^>]{0,400}?/Type\s{0,8}/Pages\b"
)
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Pdf:
    """`pages` None: it does not say where we looked. `is_whole`: all of the file was looked through."""

    version: str
    pages: int | None
    has_scripts: bool
    is_encrypted: bool
    is_whole: bool


def read(span: Span) -> Pdf:
    """Raises Unreadable."""
    head = span.at(0, min(span.size, _READ_MAX))
    start = head.find(b"%PDF-", 0, 1024)
    if start < 0:
        raise Unreadable("it does not begin as a PDF")
    version = head[start + 5 : start + 8].decode("latin-1")
    rest = span.at(max(len(head), span.size - _READ_MAX // 4), span.size) if span.size > len(head) else b""
    text = head + rest + _packed(head) + _packed(rest)
    counts = [int(one or other) for one, other in _COUNT.findall(text)]
    named = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), text)
    has_scripts = any(mark in named for mark in (b"/JavaScript", b"/JS", b"/Launch"))
    is_whole = span.size <= len(head) + len(rest)
    return Pdf(version, max(counts, default=None), has_scripts, b"/Encrypt" in text, is_whole)


def _packed(data: bytes) -> bytes:
    """What the packed lists of objects hold, as far as it is little."""
    found, left, at = list[bytes](), _INFLATED_MAX, 0
    for _ in range(_STREAMS_MAX):
        at = data.find(b"/ObjStm", at)
        start = data.find(b"stream", at) if at >= 0 else -1
        if start < 0 or left <= 0:
            break
        at = start + 6
        try:
            part = zlib.decompressobj().decompress(data[at:].lstrip(b"\r\n")[: 2**20], left)
        except zlib.error:
            continue
        left -= len(part)
        found.append(part)
    return b"".join(found)
