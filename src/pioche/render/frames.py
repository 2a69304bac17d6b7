"""Messages over a stream socket: four bytes of length, then so many bytes."""

import socket
import struct

_LENGTH = struct.Struct(">I")


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
