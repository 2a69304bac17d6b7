"""Messages over a stream socket: four bytes of length, then so many bytes.

What a worker sends begins with one byte more: RESULT, and the encoded result (nothing where the job failed); or WANTS, and
the RANGE of the file that it asks for, which is answered with those bytes.
"""

import socket
import struct

_LENGTH = struct.Struct(">I")
RESULT = b"\0"
WANTS = b"\1"
RANGE = struct.Struct(">QQ")


def send(wire: socket.socket, data: bytes) -> None:
    wire.sendall(_LENGTH.pack(len(data)) + data)


def receive(wire: socket.socket) -> bytes | None:
    """The next message; None at the end of the stream, also in the middle of one."""
    head = _exactly(wire, _LENGTH.size)
    return _exactly(wire, _LENGTH.unpack(head)[0]) if head is not None else None


def _exactly(wire: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        piece = wire.recv(min(size - len(data), 1 << 20))
        if not piece:
            return None
        data += piece
    return bytes(data)
