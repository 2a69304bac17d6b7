"""What goes to a server that speaks OpenAI, and what is made of its answers: whole, in pieces, and of garbage."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.external import openai
from pioche.serving.spec import Ask


def sent(ask: Ask) -> tuple[str, Any]:
    call = openai.call("gpt", ask)
    return call.path, json.loads(call.body)


def streamed(*pieces: bytes) -> list[bytes]:
    async def given() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def read() -> list[bytes]:
        return [event async for event in openai.stream(Ask("chat", {}), given())]

    return asyncio.run(read())


def test_each_task_goes_where_it_belongs_with_the_other_servers_name_of_the_model() -> None:
    chat = Ask("chat", {"messages": [{"role": "user", "content": "hi"}], "stream": True})
    assert sent(chat) == ("/chat/completions", {**chat.inputs, "model": "gpt"})  # type: ignore[dict-item]
    assert openai.call("gpt", chat).streams
    assert sent(Ask("completion", {"prompt": "a"})) == ("/completions", {"prompt": "a", "model": "gpt"})
    path, body = sent(Ask("feature-extraction", ["a", "b"]))
    assert (path, body["input"]) == ("/embeddings", ["a", "b"])
    path, body = sent(Ask("text-generation", "a", {"max_new_tokens": 3, "stop": ["."]}))
    assert (path, body) == (
        "/completions", {"model": "gpt", "prompt": "a", "max_tokens": 3, "temperature": 0.0, "stop": ["."]}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (Ask("fill-mask", "a"), "task"),
        (Ask("chat", "a"), "inputs"),
        (Ask("feature-extraction", [1]), "inputs"),
        (Ask("feature-extraction", "a", {"truncate": True}), "parameters.truncate"),
        (Ask("text-generation", "a", {"watermark": True}), "parameters"),
    ],
)
def test_what_the_other_api_has_no_word_for_is_refused(ask: Ask, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        openai.call("gpt", ask)
    assert refused.value.field == field


def test_answers_have_the_shape_of_our_tasks() -> None:
    rows = json.dumps({"data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}]}).encode()
    assert json.loads(openai.answer(Ask("feature-extraction", ["a", "b"]), rows)) == [[1], [2]]
    one = json.dumps({"data": [{"index": 0, "embedding": [1, 2]}]}).encode()
    assert json.loads(openai.answer(Ask("feature-extraction", "a"), one)) == [1, 2]
    normal = json.loads(openai.answer(Ask("feature-extraction", "a", {"normalize": True}), one))
    assert normal == pytest.approx([5**-0.5, 2 * 5**-0.5])
    near = Ask("sentence-similarity", {"source_sentence": "a", "sentences": ["b"]})
    assert json.loads(openai.answer(near, rows)) == pytest.approx([1.0])
    text = b'{"choices": [{"text": " b"}]}'
    asked = Ask("text-generation", "a", {"return_full_text": True})
    assert json.loads(openai.answer(asked, text)) == [{"generated_text": "a b"}]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"choices": 1}', b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("task", ["chat", "feature-extraction", "text-generation"])
def test_garbage_is_the_other_servers_failure(body: bytes, task: str) -> None:
    with pytest.raises(EngineFailed):
        openai.answer(Ask(task, {} if task == "chat" else "a"), body)


def test_a_stream_comes_event_by_event_however_it_is_cut() -> None:
    whole = b': hello\n\ndata: {"choices": [{"index": 0}]}\r\n\r\ndata: {"choices": []}\n\ndata: [DONE]\n\n'
    expected = [b'data: {"choices":[{"index":0}]}\n\n', b'data: {"choices":[]}\n\n', b"data: [DONE]\n\n"]
    assert streamed(whole) == streamed(*(whole[at : at + 1] for at in range(len(whole)))) == expected


@pytest.mark.parametrize(
    "pieces",
    [
        (b'data: {"choices": []}\n\n',),  # it breaks off
        (b'data: {"error": {"message": "no"}}\n\n',),
        (b"data: <html>\n\n",),
        (b"data: " + b"x" * (2**20 + 10),),
    ],
)
def test_a_stream_that_breaks_off_or_has_garbage_in_it_has_failed(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(EngineFailed):
        streamed(*pieces)
