"""Unpacks Snappy's raw format (https://github.com/google/snappy, format_description.txt), never to more than was agreed."""

from pioche.repos.preview.spans import Unreadable


def unpack(data: bytes, size_max: int, wanted: int) -> bytes:
    """The first `wanted` bytes, and a few more. Raises Unreadable for more than `size_max` bytes in all, and for what is not
    well formed."""
    size, at = _varint(data)
    if size > size_max:
        raise Unreadable("more to unpack than was said")
    size = min(size, wanted)
    out = bytearray()
    while at < len(data) and len(out) < size:
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            count, at = _literal(data, at, tag >> 2)
            out += data[at : at + count]
            at += count
            continue
        count, offset, at = _copy(data, at, tag)
        if not 0 < offset <= len(out):
            raise Unreadable("its pages are not well formed")
        _repeat(out, offset, count)
    if len(out) < size:
        raise Unreadable("its pages are cut short")
    return bytes(out)


def _varint(data: bytes) -> tuple[int, int]:
    number = 0
    for place in range(min(5, len(data))):
        number |= (data[place] & 0x7F) << (7 * place)
        if data[place] < 0x80:
            return number, place + 1
    raise Unreadable("its pages are not well formed")


def _literal(data: bytes, at: int, code: int) -> tuple[int, int]:
    if code < 60:
        return code + 1, at
    width = code - 59
    return int.from_bytes(data[at : at + width], "little") + 1, at + width


def _copy(data: bytes, at: int, tag: int) -> tuple[int, int, int]:
    """(count, offset, the place after it)."""
    if tag & 3 == 1:
        return (tag >> 2 & 7) + 4, (tag >> 5) << 8 | int.from_bytes(data[at : at + 1], "little"), at + 1
    width = 2 if tag & 3 == 2 else 4
    return (tag >> 2) + 1, int.from_bytes(data[at : at + width], "little"), at + width


def _repeat(out: bytearray, offset: int, count: int) -> None:
    """Copies may overlap what they write."""
    start = len(out) - offset
    if offset >= count:
        out += out[start : start + count]
    else:
        out += (bytes(out[start:]) * (count // offset + 1))[:count]
