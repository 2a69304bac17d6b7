"""How a web process stops taking connections without losing one (scenario J9).

A server that closes its listening socket resets the connections that the kernel has accepted and nobody has taken yet, and
closes those whose request is still on its way: a proxy that had sent a POST there cannot send it again, and answers 502.
So new connections are kept away first, by a filter that drops the packets which ask for one; a moment later those that were
being made have brought their requests, and the server may stop. Who asked meanwhile asks again after a second, as TCP does,
and is refused, or taken by the next hub.
"""

import ctypes
import os
import socket
import stat
import struct
from contextlib import suppress

SETTLING_SECONDS = 0.5
"""How long a connection that was accepted may take to bring the head of its request."""

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
# Classic BPF over the TCP header: load the byte of flags, drop the packet when SYN is among them, else let it through.
_DROP_SYN = (
    (0x30, 0, 0, 13),  # ldb [13]
    (0x45, 0, 1, 0x02),  # jset SYN: next, or the one after
    (0x06, 0, 0, 0),  # ret 0
    (0x06, 0, 0, 0xFFFFFFFF),  # ret all
)


def close_door(port: int) -> bool:
    """No new connection reaches this process by `port` from here on. False where the system cannot do it."""
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_SYN)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HL", len(_DROP_SYN), ctypes.addressof(buffer))
    closed = False
    for listening in _listening(port):
        with listening, suppress(OSError):
            listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
            closed = True
    return closed


def _listening(port: int) -> list[socket.socket]:
    """Copies of this process's TCP sockets that listen on `port`: the server does not show its own."""
    found = list[socket.socket]()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            descriptor = int(name)
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                copy = socket.socket(fileno=os.dup(descriptor))
                if _listens(copy, port):
                    found.append(copy)
                else:
                    copy.close()
    return found


def _listens(candidate: socket.socket, port: int) -> bool:
    if candidate.family not in (socket.AF_INET, socket.AF_INET6) or candidate.type != socket.SOCK_STREAM:
        return False
    listens = candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    return bool(listens) and candidate.getsockname()[1] == port
