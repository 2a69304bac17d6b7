"""The first values of a column of a Parquet file: its pages, unpacked and decoded as far as rows are shown.

Encodings: https://parquet.apache.org/docs/file-format/data-pages/encodings. Plain values and dictionaries are read, which is
what nearly all writers write; for the others a column says why it is empty.
"""

import datetime
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lz4.block

from pioche.repos.preview import snappy, thrift
from pioche.repos.preview.spans import Span, Unreadable
from pioche.repos.preview.thrift import Struct

_PAGE_BYTES_MAX = 4 * 2**20
_HEADER_BYTES = 64 * 1024
_PAGES_MAX = 50
_VALUES_MAX = 4000
"""Of a page: the rows that are shown are the first ones."""
_UNPACKED_MAX = 256 * 1024
_LIST_ITEMS_MAX = 200
_CODECS = ("none", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4")
_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY = 0, 2, 3, 8
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3


class NotShown(Exception):
    """A column that is in order, as far as one can tell, and is not read here; the message says why."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A column with values. The levels say how deep it is optional and repeated."""

    path: str
    element: Struct
    definition_max: int
    repetition_max: int


@dataclass(frozen=True, slots=True)
class _Page:
    """`data` are the values; the levels are one a value, empty where there is only one level. `is_cut`: there are more."""

    repetition: list[int]
    definition: list[int]
    count: int
    encoding: int
    data: bytes
    is_cut: bool


_CUT = object()
_DAMAGED = (Unreadable, zlib.error, lz4.block.LZ4BlockError, struct.error, LookupError, ValueError, OverflowError)


def first_values(span: Span, leaf: Leaf, chunk: Struct, wanted: int) -> tuple[list[Any], str]:
    """The values of the first `wanted` rows (None is null, a list where a row has many), and the codec. Raises NotShown."""
    about = chunk.struct(3)
    if about is None or chunk.text(1):
        raise NotShown("its values are in another file, or encrypted")
    if leaf.repetition_max > 1:
        raise NotShown("lists of lists are not shown")
    codec = about.number(4)
    name = _CODECS[codec] if 0 <= codec < len(_CODECS) else "?"
    try:
        return _Chunk(span, leaf, about, codec).rows(wanted), name
    except _DAMAGED as error:
        raise NotShown(str(error)[:120] or "its pages cannot be read") from None


class _Chunk:
    def __init__(self, span: Span, leaf: Leaf, about: Struct, codec: int) -> None:
        self._span, self._leaf, self._codec = span, leaf, codec
        start = about.number(9)
        dictionary = about.number(11)
        self._at = dictionary if 0 < dictionary < start else start
        self._end = min(self._at + max(about.number(7), 0), span.size)
        self._physical = about.number(1)
        self._dictionary = list[Any]()

    def rows(self, wanted: int) -> list[Any]:
        rows = list[Any]()
        for page in self._pages():
            for repetition, definition, value in self._leveled(page):
                if value is _CUT:
                    return rows
                if repetition == 0:
                    if len(rows) == wanted:
                        return rows
                    rows.append(self._begun(definition, value))
                elif rows and isinstance(rows[-1], list) and len(rows[-1]) < _LIST_ITEMS_MAX:
                    rows[-1].append(value)
            if page.is_cut:
                break
        return rows

    def _begun(self, definition: int, value: Any) -> Any:
        """A row begins: with its value, or with the first of its list, which may be empty or absent."""
        if not self._leaf.repetition_max:
            return value
        if definition == self._leaf.definition_max:
            return [value]
        return [] if definition else None

    def _leveled(self, page: _Page) -> Iterator[tuple[int, int, Any]]:
        most = self._leaf.definition_max
        present = page.count if not page.definition else sum(level == most for level in page.definition)
        values = iter(self._values(page, present))
        for place in range(page.count):
            definition = page.definition[place] if page.definition else most
            repetition = page.repetition[place] if page.repetition else 0
            yield repetition, definition, (next(values, _CUT) if definition == most else None)

    def _values(self, page: _Page, count: int) -> list[Any]:
        if page.encoding in (_PLAIN_DICTIONARY, _RLE_DICTIONARY):
            width = page.data[0] if page.data else 0
            return [self._dictionary[index] for index in _hybrid(page.data[1:], width, count)]
        if page.encoding == _RLE and self._physical == 0:
            return [bool(bit) for bit in _hybrid(page.data[4:], 1, count)]
        if page.encoding != _PLAIN:
            raise NotShown("its values are encoded in a way that is not read here")
        return list(self._plain(page.data, count))

    # --- pages ---

    def _pages(self) -> Iterator[_Page]:
        for _ in range(_PAGES_MAX):
            if self._at >= self._end:
                return
            header, length = thrift.read_with_length(self._span.at(self._at, min(self._at + _HEADER_BYTES, self._end)))
            size, unpacked = header.number(3), header.number(2)
            if not 0 <= size <= _PAGE_BYTES_MAX or not 0 <= unpacked <= _PAGE_BYTES_MAX:
                raise NotShown("its pages are larger than is read here")
            start = self._at + length
            self._at = start + size
            data = self._span.at(start, min(self._at, self._end))
            kind = header.number(1)
            if kind == _DICTIONARY:
                about = header.struct(7)
                count = min(about.number(1) if about else 0, unpacked + 1)
                self._dictionary = list(self._plain(self._unpacked(data, unpacked), count))
            elif kind == _DATA:
                yield self._first(header, self._unpacked(data, unpacked, _UNPACKED_MAX))
            elif kind == _DATA_V2:
                yield self._second(header, data, unpacked)

    def _first(self, header: Struct, data: bytes) -> _Page:
        about = header.struct(5) or Struct({})
        count, is_cut = _some(about)
        repetition, data = self._counted_levels(data, self._leaf.repetition_max, count)
        definition, data = self._counted_levels(data, self._leaf.definition_max, count)
        return _Page(repetition, definition, count, about.number(2), data, is_cut)

    def _counted_levels(self, data: bytes, most: int, count: int) -> tuple[list[int], bytes]:
        if not most:
            return [], data
        length = int.from_bytes(data[:4], "little")
        return list(_hybrid(data[4 : 4 + length], most.bit_length(), count)), data[4 + length :]

    def _second(self, header: Struct, data: bytes, unpacked: int) -> _Page:
        about = header.struct(8) or Struct({})
        count, is_cut = _some(about)
        first, second = max(about.number(6), 0), max(about.number(5), 0)
        repetition = list(_hybrid(data[:first], self._leaf.repetition_max.bit_length(), count)) if first else []
        levels = data[first : first + second]
        definition = list(_hybrid(levels, self._leaf.definition_max.bit_length(), count)) if second else []
        rest = data[first + second :]
        is_packed = not about.has(7) or bool(about.number(7))
        rest = self._unpacked(rest, unpacked - first - second, _UNPACKED_MAX) if is_packed else rest
        return _Page(repetition, definition, count, about.number(4), rest, is_cut)

    def _unpacked(self, data: bytes, size: int, most: int = _PAGE_BYTES_MAX) -> bytes:
        """The first `most` bytes, or more where unpacking cannot stop."""
        match self._codec:
            case 0:
                return data
            case 1:
                return snappy.unpack(data, size, most)
            case 2:
                return zlib.decompressobj(47).decompress(data, max(min(size, most), 1))
            case 7:
                return bytes(lz4.block.decompress(data, uncompressed_size=max(size, 0)))
        raise NotShown(f"its pages are packed with {_CODECS[self._codec] if self._codec < len(_CODECS) else '?'}")

    # --- values ---

    def _plain(self, data: bytes, count: int) -> Iterator[Any]:
        if self._physical == 0:
            yield from (bool(data[place >> 3] >> (place & 7) & 1) for place in range(min(count, len(data) * 8)))
        elif self._physical == 6:
            yield from self._texts(data, count)
        elif self._physical == 7:
            width = max(self._leaf.element.number(2), 1)
            yield from (data[at : at + width] for at in range(0, min(count * width, len(data)), width))
        else:
            form = {1: "<i", 2: "<q", 3: "<qi", 4: "<f", 5: "<d"}[self._physical]
            width = struct.calcsize(form)
            for at in range(0, min(count, len(data) // width) * width, width):
                yield self._number(struct.unpack_from(form, data, at))

    def _texts(self, data: bytes, count: int) -> Iterator[Any]:
        at, is_text = 0, _is_text(self._leaf.element)
        for _ in range(count):
            if at + 4 > len(data):
                return
            (length,) = struct.unpack_from("<I", data, at)
            value = data[at + 4 : at + 4 + length]
            at += 4 + length
            yield value.decode("utf-8", "replace") if is_text else value

    def _number(self, found: tuple[Any, ...]) -> Any:
        value, element = found[0], self._leaf.element
        if self._physical == 3:  # int96: nanoseconds of the day, and the Julian day
            return _moment((found[1] - 2_440_588) * 86_400 + value / 1e9)
        logical = element.struct(10)
        converted = element.number(6) if element.has(6) else -1
        if converted == 6 or (logical is not None and logical.has(6)):
            return _moment(value * 86_400)[:10]
        if converted in (9, 10):
            return _moment(value / (1e3 if converted == 9 else 1e6))
        if logical is not None and (moment := logical.struct(8)) is not None:
            unit = moment.struct(2)
            return _moment(value / {1: 1e3, 2: 1e6, 3: 1e9}.get(unit.tags[0] if unit and unit.tags else 2, 1e6))
        if self._physical == 4:
            return float(f"{value:.7g}")
        return value


def _some(about: Struct) -> tuple[int, bool]:
    """How many values of a page are read, and whether it has more."""
    count = max(about.number(1), 0)
    return min(count, _VALUES_MAX), count > _VALUES_MAX


def _moment(seconds: float) -> str:
    try:
        found = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)
    except OverflowError:
        return "?"
    return found.replace(tzinfo=None).isoformat(sep=" ")


def _is_text(element: Struct) -> bool:
    logical = element.struct(10)
    return (element.has(6) and element.number(6) in (0, 4, 19)) or (
        logical is not None and bool({1, 4, 12} & set(logical.tags))
    )


def _hybrid(data: bytes, width: int, count: int) -> Iterator[int]:
    """Runs of one number, and numbers packed bit by bit; `count` of them."""
    if width > 32:
        raise Unreadable("its levels are not well formed")
    at = 0
    while count > 0:
        head, at = _varint(data, at)
        if head & 1:
            packed = data[at : at + (head >> 1) * width]
            at += len(packed)
            bits = int.from_bytes(packed[: (min(count, (head >> 1) * 8) * width + 7) // 8], "little")
            mask = (1 << width) - 1
            some = min(count, (head >> 1) * 8)
            if some <= 0:
                raise Unreadable("its levels are not well formed")
            for place in range(some):
                yield bits >> (place * width) & mask
        else:
            some = min(count, head >> 1)
            if some <= 0:
                raise Unreadable("its levels are not well formed")
            size = (width + 7) // 8
            value = int.from_bytes(data[at : at + size], "little")
            at += size
            for _ in range(some):
                yield value
        count -= some


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data) and shift < 35:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise Unreadable("its levels are cut short")
