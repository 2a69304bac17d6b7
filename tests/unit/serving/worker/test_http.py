"""HTTP of a worker, byte by byte: what comes in pieces, what is kept open, what ends the connection, who leaves."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

from pioche.serving.worker.http import Answer, Reply, Request, Stream, listening

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(request: Request) -> Reply:
    return Reply(200, f"{request.method} {request.path} ".encode() + request.body)


def talk(tmp_path: Path, story: Callable[[Client], Awaitable[None]], answer: Answer = echo) -> None:
    async def run() -> None:
        socket = str(tmp_path / "http")
        async with listening(socket, answer):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                await story((reader, writer))
            finally:
                writer.close()

    asyncio.run(run())


async def body(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


POST = b"POST /infer HTTP/1.1\r\nHost: worker\r\nContent-Length: 3\r\n\r\nabc"


def test_a_connection_serves_one_request_after_another(tmp_path: Path) -> None:
    async def story(client: Client) -> None:
        reader, writer = client
        for _ in range(3):
            writer.write(POST)
            assert await body(reader) == b"POST /infer abc"

    talk(tmp_path, story)


def test_a_request_says_of_which_trace_it_is(tmp_path: Path) -> None:
    async def traced(request: Request) -> Reply:
        return Reply(200, request.trace.encode())

    async def story(client: Client) -> None:
        reader, writer = client
        writer.write(POST.replace(b"Host: worker", b"traceparent: 00-ab-cd-01"))
        assert await body(reader) == b"00-ab-cd-01"
        writer.write(POST)
        assert await body(reader) == b""

    talk(tmp_path, story, traced)


def test_a_request_may_come_in_pieces_and_two_at_once(tmp_path: Path) -> None:
    async def story(client: Client) -> None:
        reader, writer = client
        for byte in POST[:-1]:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        writer.write(POST[-1:] + b"GET /health HTTP/1.1\r\n\r\n")
        assert await body(reader) == b"POST /infer abc"
        assert await body(reader) == b"GET /health "

    talk(tmp_path, story)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"G" * 20_000,
    ],
)
def test_what_is_not_understood_ends_the_connection(tmp_path: Path, sent: bytes) -> None:
    async def story(client: Client) -> None:
        reader, writer = client
        writer.write(sent)
        try:
            assert await reader.read() == b""
        except ConnectionResetError:
            return

    talk(tmp_path, story)


def test_a_client_that_leaves_cancels_what_was_begun_for_it(tmp_path: Path) -> None:
    cancelled = asyncio.Event()

    async def slow(_request: Request) -> Reply:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError

    async def story(client: Client) -> None:
        _, writer = client
        writer.write(POST)
        await asyncio.sleep(0.05)
        writer.close()
        await asyncio.wait_for(cancelled.wait(), 30)

    talk(tmp_path, story, slow)


def test_a_mistake_of_ours_leaves_nobody_waiting(tmp_path: Path) -> None:
    async def wrong(_request: Request) -> Reply:
        raise TypeError("not JSON")

    async def story(client: Client) -> None:
        reader, writer = client
        writer.write(b"POST /x HTTP/1.1\r\ncontent-length: 0\r\n\r\n")
        assert await reader.read() == b""

    talk(tmp_path, story, wrong)


def test_a_stream_is_sent_as_it_comes_and_the_connection_stays(tmp_path: Path) -> None:
    more = asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"one"
        await more.wait()
        yield b"twenty characters   "

    async def answer(_request: Request) -> Stream:
        return Stream(pieces())

    async def story(client: Client) -> None:
        reader, writer = client
        for _ in range(2):
            writer.write(POST)
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"content-type: text/event-stream" in head
            assert await reader.readexactly(8) == b"3\r\none\r\n"
            more.set()
            assert await reader.readuntil(b"0\r\n\r\n") == b"14\r\ntwenty characters   \r\n0\r\n\r\n"

    talk(tmp_path, story, answer)


def test_a_client_that_leaves_ends_its_stream(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"x" * 100_000
        finally:
            ended.set()

    async def answer(_request: Request) -> Stream:
        return Stream(pieces())

    async def story(client: Client) -> None:
        reader, writer = client
        writer.write(POST)
        await reader.readexactly(10)
        writer.close()
        await asyncio.wait_for(ended.wait(), 30)

    talk(tmp_path, story, answer)
