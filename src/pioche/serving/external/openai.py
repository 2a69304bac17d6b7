"""The API of OpenAI, asked by us: what goes to the other server, and its answers in the shapes of our own tasks."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any, Literal

import msgspec

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.engines import events
from pioche.serving.external import embedding
from pioche.serving.external.calls import NOT_UNDERSTOOD, Call
from pioche.serving.spec import Ask

Json = dict[str, Any]

PROBE = "/models"
BROKEN_OFF = "The server that answers for this deployment ended in the middle of its answer"
_EVENT_BYTES_MAX = 2**20


class _Generate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the parameters of the task API, those that this API has a word for; `details` only as what everybody sends."""

    max_new_tokens: Annotated[int, msgspec.Meta(ge=1)] = 100
    temperature: Annotated[float, msgspec.Meta(gt=0)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: Annotated[tuple[str, ...], msgspec.Meta(max_length=16)] = ()
    do_sample: bool | None = None
    return_full_text: bool = False
    details: Literal[False] = False
    stream: Literal[False] = False


class _Embedding(msgspec.Struct):
    index: int
    embedding: list[float]


class _Embeddings(msgspec.Struct):
    data: list[_Embedding]


class _Text(msgspec.Struct):
    text: str


class _Texts(msgspec.Struct):
    choices: Annotated[list[_Text], msgspec.Meta(min_length=1)]


def call(model: str, ask: Ask) -> Call:
    """Raises InvalidInput for what this API cannot be asked."""
    if ask.task in ("chat", "completion"):
        if not isinstance(ask.inputs, dict):
            raise InvalidInput("inputs", "an object is needed, as the OpenAI API has it")
        path = "/chat/completions" if ask.task == "chat" else "/completions"
        body = {**ask.inputs, "model": model}
        return Call(path, _json(body), streams=body.get("stream") is True)
    if ask.task in embedding.TASKS:
        if embedding.wanted(ask).truncate:
            raise InvalidInput("parameters.truncate", "the server that answers for this deployment does not do that")
        return Call("/embeddings", _json({"model": model, "input": embedding.texts(ask), "encoding_format": "float"}))
    if ask.task == "text-generation":
        return Call("/completions", _json(_completion(model, ask)))
    raise InvalidInput("task", f"the server that answers for this deployment is not asked for {ask.task}")


def answer(ask: Ask, body: bytes) -> bytes:
    """A whole answer, as our own engines give it. Raises EngineFailed for what is none."""
    try:
        if ask.task in embedding.TASKS:
            rows = sorted(msgspec.json.decode(body, type=_Embeddings).data, key=lambda one: one.index)
            if len(rows) != len(embedding.texts(ask)):
                raise EngineFailed(NOT_UNDERSTOOD)
            return embedding.answer(ask, [row.embedding for row in rows])
        if ask.task == "text-generation":
            text = msgspec.json.decode(body, type=_Texts).choices[0].text
            before = ask.inputs if ask.parameters.get("return_full_text") else ""
            return _json([{"generated_text": f"{before}{text}"}])
        return _json(_checked(msgspec.json.decode(body)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise EngineFailed(NOT_UNDERSTOOD) from None


async def stream(_ask: Ask, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The events of a stream, each read and written anew: nothing but what its API has goes through. Raises EngineFailed where
    it breaks off, or says so."""
    async for data in data_of(pieces):
        if data == b"[DONE]":
            yield events.DONE
            return
        try:
            yield events.event(_checked(msgspec.json.decode(data)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise EngineFailed(NOT_UNDERSTOOD) from None
    raise EngineFailed(BROKEN_OFF)


async def data_of(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """What events carry. Raises EngineFailed for one that has no end."""
    left = b""
    async for piece in pieces:
        *lines, left = (left + piece).split(b"\n")
        if len(left) > _EVENT_BYTES_MAX:
            raise EngineFailed(NOT_UNDERSTOOD)
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()


def _checked(value: object) -> Json:
    if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
        raise EngineFailed(NOT_UNDERSTOOD)
    return value


def _completion(model: str, ask: Ask) -> Json:
    if not isinstance(ask.inputs, str):
        raise InvalidInput("inputs", "a text is needed")
    try:
        wanted = msgspec.convert(ask.parameters, _Generate)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            "parameters", f"{error} (the server that answers for this deployment speaks OpenAI)"
        ) from None
    given = {
        name: getattr(wanted, name)
        for name in ("temperature", "top_p", "frequency_penalty", "seed")
        if getattr(wanted, name) is not None
    }
    if not wanted.do_sample and not {"temperature", "top_p"} & set(given):
        given["temperature"] = 0.0
    if wanted.stop:
        given["stop"] = list(wanted.stop)
    return {"model": model, "prompt": ask.inputs, "max_tokens": wanted.max_new_tokens, **given}


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)
