"""A request and its client: how much of it is asked for, and how it is noticed that nobody is there any more."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from pioche.http.messages import ClientLeft, Request, Summary

PIECE = {"type": "http.request", "body": b"abc", "more_body": True}
END = {"type": "http.request", "body": b"", "more_body": False}
LEFT = {"type": "http.disconnect"}


class Client:
    """Sends `messages`; then it waits for its answer."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages = list(messages)
        self.asked = 0

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)


@pytest.fixture
def sent() -> Callable[..., Request]:
    hub: Any = SimpleNamespace(config=SimpleNamespace(body_stall_seconds=5, json_bytes_max=100))

    def request(client: Client, *headers: tuple[bytes, bytes]) -> Request:
        scope = {"method": "POST", "raw_path": b"/", "headers": list(headers)}
        return Request(scope, client.receive, hub, Summary("", 0, 0, (), False, None, False))

    return request


def test_a_body_is_whole_with_its_last_announced_byte(sent: Callable[..., Request]) -> None:
    client = Client(PIECE, PIECE, END)
    assert asyncio.run(sent(client, (b"content-length", b"6")).body()) == b"abcabc"
    assert client.asked == 2


def test_a_body_of_unknown_length_is_read_to_its_end(sent: Callable[..., Request]) -> None:
    client = Client(PIECE, PIECE, END)
    assert asyncio.run(sent(client).body()) == b"abcabc"
    assert client.asked == 3


def test_a_body_that_breaks_off_is_refused(sent: Callable[..., Request]) -> None:
    with pytest.raises(ClientLeft):
        asyncio.run(sent(Client(PIECE, LEFT), (b"content-length", b"6")).body())


def test_nobody_is_asked_for_while_work_is_quick(sent: Callable[..., Request]) -> None:
    client = Client(END)

    async def quick() -> str:
        return "done"

    assert asyncio.run(sent(client).unless_left(quick())) == "done"
    assert client.asked == 0


def test_work_for_a_client_that_left_is_cancelled(sent: Callable[..., Request]) -> None:
    """The message that ends the body, which nobody waited for, is not taken for leaving."""
    ended = list[str]()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def left() -> None:
        client = Client(PIECE, END, LEFT)
        request = sent(client, (b"content-length", b"3"))
        await request.body()
        with pytest.raises(ClientLeft):
            await request.unless_left(endless())
        await asyncio.sleep(0)
        assert client.asked == 3

    asyncio.run(left())
    assert ended == ["cancelled"]
