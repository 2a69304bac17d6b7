"""Asking a worker over its socket: connections are used again, streams come as they are made, and breaks are noticed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pioche.serving import workers
from pioche.serving.address import Address
from pioche.serving.wire import Broken, Wire

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]"
_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@asynccontextmanager
async def talking(folder: Path, talk: Talk) -> AsyncIterator[Wire]:
    server = await asyncio.start_unix_server(talk, folder / workers.SOCKET)
    wire = Wire(Address(folder=str(folder)), 1)
    try:
        yield wire
    finally:
        wire.close()
        server.close()


async def request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(head.rpartition(b"content-length: ")[2]))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_a_worker_is_told_of_which_trace_a_request_is(tmp_path: Path) -> None:
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await reader.readexactly(1)
            writer.write(_PLAIN)
        writer.close()

    async def story() -> None:
        async with talking(tmp_path, talk) as wire:
            await wire.ask("/infer", b"1", "00-ab-cd-01")
            await wire.ask("/infer", b"2")

    asyncio.run(story())
    assert [b"traceparent: 00-ab-cd-01\r\n" in head for head in heads] == [True, False]


def test_a_connection_is_used_again(tmp_path: Path) -> None:
    connections = list[asyncio.StreamWriter]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        for _ in range(2):
            assert await request(reader) == b"{}"
            writer.write(_PLAIN)
        writer.close()

    async def story() -> None:
        async with talking(tmp_path, talk) as wire:
            for _ in range(2):
                answer = await wire.ask("/infer", b"{}")
                assert (answer.status, answer.content_type, answer.body) == (200, "application/json", b"[]")
            assert len(connections) == 1

    asyncio.run(story())


def test_a_stream_comes_piece_by_piece_and_closing_it_ends_the_connection(tmp_path: Path) -> None:
    left = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(_STREAM + chunk(b"data: 1\n\n"))
        assert await reader.read() == b""
        left.set()
        writer.close()

    async def story() -> None:
        async with talking(tmp_path, talk) as wire:
            answer = await wire.ask("/infer", b"{}")
            assert answer.pieces is not None
            assert await anext(answer.pieces) == b"data: 1\n\n"
            await answer.pieces.aclose()
            await asyncio.wait_for(left.wait(), 10)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("said", "pieces"),
    [(_STREAM + chunk(b"one") + chunk(b"two") + b"0\r\n\r\n", [b"one", b"two"]), (_STREAM + chunk(b"one"), None)],
    ids=["whole", "broken"],
)
def test_a_stream_that_breaks_off_is_not_taken_for_a_whole_one(
    tmp_path: Path, said: bytes, pieces: list[bytes] | None
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(said)
        await writer.drain()
        writer.close()

    async def story() -> None:
        async with talking(tmp_path, talk) as wire:
            answer = await wire.ask("/infer", b"{}")
            assert answer.pieces is not None
            if pieces is not None:
                assert [piece async for piece in answer.pieces] == pieces
                return
            with pytest.raises(Broken):
                [piece async for piece in answer.pieces]

    asyncio.run(story())


def test_no_worker_and_no_answer_are_told(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(_PLAIN[:-1])
        writer.close()

    async def story() -> None:
        with pytest.raises(Broken):
            await Wire(Address(folder=str(tmp_path / "absent")), 1).ask("/infer", b"{}")
        async with talking(tmp_path, talk) as wire:
            with pytest.raises(Broken):
                await wire.ask("/infer", b"{}")

    asyncio.run(story())


@asynccontextmanager
async def over_tcp(talk: Talk) -> AsyncIterator[Wire]:
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wire = Wire(Address(url=f"http://127.0.0.1:{port}/one", secret="s3cret"), 1)
    try:
        yield wire
    finally:
        wire.close()
        server.close()


_MARKED = _PLAIN.replace(b"\r\n\r\n", b"\r\nx-pioche-worker: 1\r\n\r\n")


def test_a_worker_behind_the_network_is_told_the_secret_at_its_prefix() -> None:
    heads = list[bytes]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(2)
        writer.write(_MARKED)
        writer.close()

    async def story() -> None:
        async with over_tcp(talk) as wire:
            assert (await wire.ask("/infer", b"{}")).body == b"[]"

    asyncio.run(story())
    assert heads[0].startswith(b"POST /one/infer HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"\r\nx-pioche-secret: s3cret\r\n" in heads[0]


def test_what_answers_in_the_place_of_a_worker_behind_the_network_is_not_believed() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(_PLAIN)
        writer.close()

    async def story() -> None:
        async with over_tcp(talk) as wire:
            with pytest.raises(Broken):
                await wire.ask("/infer", b"{}")

    asyncio.run(story())


def test_a_connection_that_was_closed_while_idle_costs_no_request() -> None:
    connections = list[asyncio.StreamWriter]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await request(reader)
        writer.write(_MARKED)
        if len(connections) == 1:
            with contextlib.suppress(asyncio.IncompleteReadError):  # takes the second, and leaves
                await request(reader)
        writer.close()

    async def story() -> None:
        async with over_tcp(talk) as wire:
            for _ in range(2):
                assert (await wire.ask("/infer", b"{}")).status == 200
        assert len(connections) == 2

    asyncio.run(story())
