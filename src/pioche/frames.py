"""Messages between processes of the hub, over a stream socket: four bytes of length (network order), then so many bytes."""

import asyncio
import socket
import struct

_LENGTH = struct.Struct(">I")
_PIECE = 2**20


def framed(data: bytes) -> bytes:
    """One message as it goes over the wire."""
    return _LENGTH.pack(len(data)) + data


def send(wire: socket.socket, data: bytes) -> None:
    """Raises OSError."""
    wire.sendall(framed(data))


def receive(wire: socket.socket) -> bytes | None:
    """The next message; None at the end of the stream, also in the middle of one. Raises OSError."""
    head = _exactly(wire, _LENGTH.size)
    return _exactly(wire, _LENGTH.unpack(head)[0]) if head is not None else None


async def read(stream: asyncio.StreamReader, *, bytes_max: int) -> bytes | None:
    """As `receive`; None also for a message that is announced as longer than `bytes_max`: nothing after it makes sense."""
    try:
        (size,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
        return await stream.readexactly(size) if size <= bytes_max else None
    except asyncio.IncompleteReadError:
        return None


def _exactly(wire: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        piece = wire.recv(min(size - len(data), _PIECE))
        if not piece:
            return None
        data += piece
    return bytes(data)
