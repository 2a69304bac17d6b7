"""Thrift's compact protocol, as far as Parquet's footer and page headers need it
(https://github.com/apache/thrift, doc/specs/thrift-compact-protocol.md): numbers, texts, lists and structs, by field number.

Counts are checked against the bytes that are left, and everything that is read counts against one limit.
"""

import struct
from typing import Any

from pioche.repos.preview.spans import Unreadable

_DEPTH_MAX = 24
_VALUES_MAX = 2_000_000
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)


class Struct:
    """Fields by number. What is absent, or of another type than is asked for, is empty."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[int, Any]) -> None:
        self._fields = fields

    @property
    def tags(self) -> list[int]:
        return list(self._fields)

    def has(self, tag: int) -> bool:
        return tag in self._fields

    def number(self, tag: int) -> int:
        found = self._fields.get(tag)
        return found if isinstance(found, int) else 0

    def text(self, tag: int) -> str:
        found = self._fields.get(tag)
        return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""

    def struct(self, tag: int) -> "Struct | None":
        found = self._fields.get(tag)
        return found if isinstance(found, Struct) else None

    def structs(self, tag: int) -> "list[Struct]":
        found = self._fields.get(tag)
        return [one for one in found if isinstance(one, Struct)] if isinstance(found, list) else []


def read(data: bytes) -> Struct:
    """One struct. Raises Unreadable."""
    return _Reading(data).struct(0)


def read_with_length(data: bytes) -> tuple[Struct, int]:
    """And how many bytes it took."""
    reading = _Reading(data)
    found = reading.struct(0)
    return found, reading.at


class _Reading:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0
        self._left = _VALUES_MAX

    def struct(self, depth: int) -> Struct:
        if depth > _DEPTH_MAX:
            raise Unreadable("its header is nested too deep")
        fields, tag = dict[int, Any](), 0
        while True:
            head = self._byte()
            if head == 0:
                return Struct(fields)
            kind, delta = head & 15, head >> 4
            tag = tag + delta if delta else self._zigzag()
            fields[tag] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)

    def _value(self, kind: int, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Unreadable("its header has more parts than are looked through")
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte() == 1
        if kind in (_I16, _I32, _I64):
            return self._zigzag()
        if kind == _DOUBLE:
            return struct.unpack("<d", self._take(8))[0]
        if kind == _BINARY:
            return self._take(self._varint())
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _MAP:
            return self._map(depth)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        raise Unreadable("its header is not well formed")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count, kind = head >> 4, head & 15
        count = self._varint() if count == 15 else count
        self._check_count(count)
        return [self._value(kind, depth) for _ in range(count)]

    def _map(self, depth: int) -> None:
        """Passed over: nothing that is shown is in one."""
        count = self._varint()
        self._check_count(count)
        kinds = self._byte() if count else 0
        for _ in range(count):
            self._value(kinds >> 4, depth)
            self._value(kinds & 15, depth)

    def _check_count(self, count: int) -> None:
        if count > len(self._data) - self.at:
            raise Unreadable("its header says that it has more than there are bytes")

    def _zigzag(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _varint(self) -> int:
        number = shift = 0
        while shift < 70:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7
        raise Unreadable("its header is not well formed")

    def _byte(self) -> int:
        if self.at >= len(self._data):
            raise Unreadable("it ends in the middle of its header")
        self.at += 1
        return self._data[self.at - 1]

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self.at:
            raise Unreadable("it ends in the middle of its header")
        self.at += count
        return self._data[self.at - count : self.at]
