"""Frames: messages whole or not at all, however a stream cuts them up."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from pioche import frames

Wires = tuple[socket.socket, socket.socket]


@pytest.fixture
def wires() -> Iterator[Wires]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_messages_come_one_by_one(wires: Wires) -> None:
    ours, theirs = wires
    for message in (b"one", b"", b"three"):
        frames.send(ours, message)
    assert [frames.receive(theirs) for _ in range(3)] == [b"one", b"", b"three"]


@pytest.mark.parametrize("kept", [0, 2, 4, 7])
def test_an_end_is_an_end_wherever_it_comes(wires: Wires, kept: int) -> None:
    ours, theirs = wires
    ours.sendall(frames.framed(b"message")[:kept])
    ours.close()
    assert frames.receive(theirs) is None


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(frames.framed(b"message"), b"message"), (frames.framed(b"messages"), None), (b"\0\0", None), (b"", None)],
)
def test_a_stream_takes_no_more_than_it_wants(sent: bytes, expected: bytes | None) -> None:
    async def read() -> bytes | None:
        stream = asyncio.StreamReader()
        stream.feed_data(sent)
        stream.feed_eof()
        return await frames.read(stream, bytes_max=7)

    assert asyncio.run(read()) == expected
