"""Small files of the formats that pages look into, written by hand: nothing that reads them has a hand in writing them."""

import struct
import zlib
from collections.abc import Iterable

# --- Parquet (Thrift's compact protocol) ------------------------------------------------------------------------------

TYPES = {"int64": 2, "double": 5, "text": 6, "binary": 6}


def parquet(columns: dict[str, tuple[str, list[object]]], *, codec: int = 0, footer: bytes = b"") -> bytes:
    """One row group with a page for each column: plain values, all present. `codec` is what the footer says it is packed
    with; `footer` replaces it."""
    data, chunks, count = bytearray(b"PAR1"), list[bytes](), 0
    for name, (kind, values) in columns.items():
        count = len(values)
        page = b"".join(_plain(kind, value) for value in values)
        about = fields((1, count), (2, 0), (3, 3), (4, 3))
        header = fields((1, 0), (2, len(page)), (3, len(page)), (5, about))
        start = len(data)
        data += header + page
        meta = fields(
            (1, TYPES[kind]), (2, [0]), (3, [name.encode()]), (4, codec), (5, count), (6, len(page)),
            (7, len(header) + len(page)), (9, start),
        )  # fmt: skip
        chunks.append(fields((2, start), (3, meta)))
    elements = [fields((4, b"schema"), (5, len(columns)))]
    for name, (kind, _) in columns.items():
        converted = [(6, 0)] if kind == "text" else []
        elements.append(fields((1, TYPES[kind]), (3, 0), (4, name.encode()), *converted))
    group = fields((1, chunks), (2, len(data)), (3, count))
    footer = footer or fields((1, 1), (2, elements), (3, count), (4, [group]), (6, b"a test"))
    return bytes(data) + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _plain(kind: str, value: object) -> bytes:
    if kind == "int64":
        return struct.pack("<q", value)
    if kind == "double":
        return struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else value
    assert isinstance(data, bytes)
    return struct.pack("<I", len(data)) + data


class Built(bytes):
    """A struct of Thrift, to be told from a text."""


def fields(*pairs: tuple[int, object]) -> Built:
    """A struct: numbers are i32, bytes texts, `Built` structs; a list is of what its first is."""
    out, last = b"", 0
    for tag, value in pairs:
        out += bytes([(tag - last) << 4 | _kind(value)]) + _value(value)
        last = tag
    return Built(out + b"\0")


def _kind(value: object) -> int:
    return 5 if isinstance(value, int) else 12 if isinstance(value, Built) else 8 if isinstance(value, bytes) else 9


def _value(value: object) -> bytes:
    if isinstance(value, int):
        return varint(value << 1 ^ value >> 63)
    if isinstance(value, Built):
        return value
    if isinstance(value, bytes):
        return varint(len(value)) + value
    assert isinstance(value, list)
    head = bytes([min(len(value), 15) << 4 | (_kind(value[0]) if value else 5)])
    return head + (varint(len(value)) if len(value) >= 15 else b"") + b"".join(_value(one) for one in value)


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


# --- ONNX (Protocol Buffers) ------------------------------------------------------------------------------------------


def message(*pairs: tuple[int, int | str | bytes]) -> bytes:
    """Fields by number: numbers, texts, messages."""
    out = b""
    for tag, value in pairs:
        if isinstance(value, int):
            out += varint(tag << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(tag << 3 | 2) + varint(len(data)) + data
    return out


def onnx(*, weights: int = 100, external: str = "", operators: Iterable[str] = ("Conv", "Relu", "Relu")) -> bytes:
    """A model with an input `x` of shape batch × 3, an output `y`, and one tensor of 10 × 10."""
    shape = message((1, message((2, "batch"))), (1, message((1, 3))))
    put = message((1, "x"), (2, message((1, message((1, 1), (2, shape))))))
    given = message((1, "y"), (2, message((1, message((1, 10))))))
    tensor = message((1, 10), (1, 10), (2, 1), (8, "w"), (9, b"\0" * weights))
    if external:
        tensor += message((13, message((1, "location"), (2, external))), (14, 1))
    nodes = [(1, message((1, "x"), (2, "y"), (4, name))) for name in operators]
    graph = message(*nodes, (2, "net"), (5, tensor), (11, put), (11, message((1, "w"))), (12, given))
    opset = message((1, ""), (2, 17))
    return message((1, 9), (2, "pytorch"), (3, "2.4"), (7, graph), (8, opset), (14, message((1, "a"), (2, "b"))))


# --- PNG --------------------------------------------------------------------------------------------------------------


def png(width: int, height: int, colour: bytes) -> bytes:
    """A picture of one colour (three bytes)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + colour * width) * height
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
