"""Width and height of a picture, read from its first bytes: nothing is decoded, so that no picture is a bomb here."""

import struct
from collections.abc import Iterator

Size = tuple[int, int]

HEAD_BYTES = 64 * 1024
"""So many bytes are enough, but for photographs with a large preview inside."""


_MARKS = ((b"\x89PNG\r\n\x1a\n", "png"), (b"GIF8", "gif"), (b"\xff\xd8\xff", "jpeg"))


def media_type(head: bytes) -> str:
    """`image/png` ... of a picture that browsers show, by its first bytes; empty for anything else."""
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    return next((f"image/{kind}" for mark, kind in _MARKS if head.startswith(mark)), "")


def size(head: bytes) -> Size | None:
    """(width, height) in pixels of a PNG, GIF, JPEG, WebP or BMP; None where the head does not say."""
    try:
        return _size(head)
    except struct.error:  # cut short
        return None


def _size(head: bytes) -> Size | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR":
        return _pair(">II", head, 16)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _pair("<HH", head, 6)
    if head.startswith(b"BM"):
        width, height = struct.unpack_from("<ii", head, 18)
        return abs(width), abs(height)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _webp(head)
    if head.startswith(b"\xff\xd8"):
        return next(_jpeg(head), None)
    return None


def _pair(form: str, head: bytes, at: int) -> Size:
    width, height = struct.unpack_from(form, head, at)
    return width, height


def _webp(head: bytes) -> Size | None:
    """RFC 9649: lossy, lossless, extended."""
    kind = head[12:16]
    if kind == b"VP8 ":
        width, height = _pair("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and len(head) >= 30:
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    return None


def _jpeg(head: bytes) -> Iterator[Size]:
    """Segments follow one another, each with its length; a start of frame has the size."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF or 0xD0 <= marker <= 0xD8:  # filling, or a marker without a segment
            at += 1 if marker == 0xFF else 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, at + 5)
            yield width, height
            return
        at += 2 + max(struct.unpack_from(">H", head, at + 2)[0], 2)
