"""Small files of the formats that pages look into."""

import io
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from pyarrow import parquet as pq


def parquet(columns: dict[str, Any], codec: str = "snappy") -> bytes:
    """One row group."""
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, compression=codec)
    return out.getvalue()


# --- ONNX (Protocol Buffers), written by hand: nothing that reads it has a hand in writing it ---------------------------


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


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
