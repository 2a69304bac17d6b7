"""The API of text-generation-inference, asked by us: texts whole or token by token; chats by what it has of OpenAI's API."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import msgspec

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.engines import events
from pioche.serving.external import openai
from pioche.serving.external.calls import NOT_UNDERSTOOD, Call
from pioche.serving.spec import Ask

PROBE = "/info"
_TASK = "text-generation"


class _Event(msgspec.Struct):
    """As much of it as shows that it is one, and whether it is the last."""

    token: dict[str, Any]
    generated_text: str | None = None


class _Whole(msgspec.Struct):
    generated_text: str


def call(model: str, ask: Ask) -> Call:
    """Raises InvalidInput for what this API cannot be asked."""
    if ask.task in ("chat", "completion"):
        found = openai.call(model, ask)
        return replace(found, path=f"/v1{found.path}")
    if ask.task != _TASK or not isinstance(ask.inputs, str):
        field = "task" if ask.task != _TASK else "inputs"
        raise InvalidInput(field, f"the server that answers for this deployment takes texts for {_TASK}, and chats")
    streams = ask.parameters.get("stream") is True
    parameters = {name: value for name, value in ask.parameters.items() if name != "stream"}
    body = msgspec.json.encode({"inputs": ask.inputs, "parameters": parameters})
    return Call("/generate_stream" if streams else "/generate", body, streams=streams)


def answer(ask: Ask, body: bytes) -> bytes:
    """Raises EngineFailed for what is none."""
    if ask.task != _TASK:
        return openai.answer(ask, body)
    try:
        msgspec.json.decode(body, type=_Whole)
        return msgspec.json.encode([msgspec.json.decode(body)])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise EngineFailed(NOT_UNDERSTOOD) from None


async def stream(ask: Ask, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """As `openai.stream`. The last event has the whole text."""
    if ask.task != _TASK:
        async with aclosing(openai.stream(ask, pieces)) as chunks:
            async for chunk in chunks:
                yield chunk
        return
    async for data in openai.data_of(pieces):
        try:
            found = msgspec.json.decode(data, type=_Event)
            yield events.event(msgspec.json.decode(data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise EngineFailed(NOT_UNDERSTOOD) from None
        if found.generated_text is not None:
            return
    raise EngineFailed(openai.BROKEN_OFF)
