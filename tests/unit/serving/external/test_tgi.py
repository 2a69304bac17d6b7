"""What goes to a server that speaks text-generation-inference, and what is made of its answers."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.external import tgi
from pioche.serving.spec import Ask

TEXT = Ask("text-generation", "a", {"max_new_tokens": 2, "stream": True})
TOKEN = b'data:{"index":1,"token":{"id":1,"text":"b"},"generated_text":null}\n\n'
LAST = b'data:{"index":2,"token":{"id":2,"text":"c"},"generated_text":"bc"}\n\n'


def streamed(*pieces: bytes) -> list[bytes]:
    async def given() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def read() -> list[bytes]:
        return [event async for event in tgi.stream(TEXT, given())]

    return asyncio.run(read())


def test_each_task_goes_where_it_belongs() -> None:
    call = tgi.call("m", TEXT)
    assert (call.path, call.streams) == ("/generate_stream", True)
    assert json.loads(call.body) == {"inputs": "a", "parameters": {"max_new_tokens": 2}}
    assert tgi.call("m", Ask("text-generation", "a")).path == "/generate"
    assert tgi.call("m", Ask("chat", {"messages": []})).path == "/v1/chat/completions"
    for ask, field in ((Ask("feature-extraction", "a"), "task"), (Ask("text-generation", ["a"]), "inputs")):
        with pytest.raises(InvalidInput) as refused:
            tgi.call("m", ask)
        assert refused.value.field == field


def test_answers_have_the_shape_of_our_task() -> None:
    assert json.loads(tgi.answer(TEXT, b'{"generated_text": "b"}')) == [{"generated_text": "b"}]
    for garbage in (b"", b"[]", b"{}", b"<html>"):
        with pytest.raises(EngineFailed):
            tgi.answer(TEXT, garbage)


def test_a_stream_ends_with_the_whole_text_or_has_failed() -> None:
    assert len(streamed(TOKEN, LAST)) == 2
    for pieces in ((TOKEN,), (TOKEN, b'data:{"error": "no"}\n\n'), (b"data:<html>\n\n",)):
        with pytest.raises(EngineFailed):
            streamed(*pieces)
