"""chat, completion: bodies as the OpenAI API has them, without `model`, and answers in its shape."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from pioche.errors import InvalidInput
from pioche.serving.engines import Listener, events, inputs
from pioche.serving.engines.language import Event, Json, Writer
from pioche.serving.engines.language.chunks import Whole
from pioche.serving.engines.language.work import LanguageWork
from pioche.serving.spec import Ask

_PROMPTS_MAX = 32
_MESSAGES_MAX = 4096

Count = Annotated[int, msgspec.Meta(ge=1)]
Temperature = Annotated[float, msgspec.Meta(ge=0, le=5)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
One = Literal[1]


class Part(msgspec.Struct, frozen=True, tag_field="type", tag="text", forbid_unknown_fields=True):
    text: str


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` is a picture itself, as `data:` has it: nothing is fetched for a model."""

    url: Annotated[str, msgspec.Meta(pattern="^data:image/")]
    detail: str | None = None


class Picture(msgspec.Struct, frozen=True, tag_field="type", tag="image_url", forbid_unknown_fields=True):
    image_url: Address


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part | Picture] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None


class StreamOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Sampling(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What both have. Beyond OpenAI's: what llama.cpp, vLLM and TGI have by these names."""

    max_tokens: Count | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0)] | None = None
    min_p: Share | None = None
    repeat_penalty: Annotated[float, msgspec.Meta(gt=0)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    logit_bias: dict[str, float] | None = None
    grammar: str | None = None
    n: One | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None


class Chat(Sampling, frozen=True, forbid_unknown_fields=True, kw_only=True):
    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=_MESSAGES_MAX)]
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    metadata: dict[str, str] | None = None
    store: Literal[False] | None = None


class Completion(Sampling, frozen=True, forbid_unknown_fields=True, kw_only=True):
    prompt: str | list[str | int]
    """A text, several, or the numbers of tokens."""
    best_of: One | None = None


Body = TypeVar("Body", bound=Sampling)

_NOT_PASSED_ON = ("user", "metadata", "store", "reasoning_effort", "best_of", "n", "stream", "max_completion_tokens")


def chat(writer: Writer, ask: Ask) -> LanguageWork:
    if not writer.has_chat_template:
        raise InvalidInput("task", "this model's file has no chat template: it completes texts, and does not chat")
    wanted = _read(ask, Chat)
    if wanted.tool_choice not in (None, "none") and not wanted.tools:
        raise InvalidInput("inputs.tool_choice", "there are no tools to choose from")
    _check_format(wanted.response_format)
    _check_pictures(wanted.messages, writer)
    body = _body(ask.inputs, wanted.max_completion_tokens or wanted.max_tokens)
    for message in body["messages"]:
        if message["role"] == "developer":  # templates do not know it
            message["role"] = "system"
    return _work(writer.chat, body, wanted, "chat.completion")


def complete(writer: Writer, ask: Ask) -> LanguageWork:
    wanted = _read(ask, Completion)
    if isinstance(wanted.prompt, list) and not wanted.prompt:
        raise InvalidInput("inputs.prompt", "at least one is needed")
    if isinstance(wanted.prompt, list) and sum(isinstance(one, str) for one in wanted.prompt) > _PROMPTS_MAX:
        raise InvalidInput("inputs.prompt", f"{_PROMPTS_MAX} are allowed at most")
    return _work(writer.complete, _body(ask.inputs, wanted.max_tokens), wanted, "text_completion")


def _read(ask: Ask, wanted: type[Body]) -> Body:
    inputs.read_parameters(ask.parameters, inputs.Parameters)
    if not isinstance(ask.inputs, dict):
        raise InvalidInput("inputs", "an object is needed, as the OpenAI API has it")
    return inputs.read(ask.inputs, wanted, "inputs")


def _check_format(wanted: Json | None) -> None:
    """llama.cpp takes what it does not know for no format."""
    if wanted is None or wanted.get("type") in ("text", "json_object"):
        return
    if wanted.get("type") != "json_schema":
        raise InvalidInput("inputs.response_format.type", "it is none of text, json_object, json_schema")
    schema = wanted.get("json_schema")
    if not isinstance(schema, dict) or not isinstance(schema.get("schema"), dict):
        raise InvalidInput("inputs.response_format.json_schema.schema", "an object is needed")


def _check_pictures(messages: list[Message], writer: Writer) -> None:
    for number, message in enumerate(messages):
        parts = message.content if isinstance(message.content, list) else []
        for place, part in enumerate(parts):
            if isinstance(part, Picture) and not (writer.sees and message.role == "user"):
                field = f"inputs.messages[{number}].content[{place}]"
                raise InvalidInput(
                    field, "this model sees no pictures" if not writer.sees else "pictures are for users"
                )


def _body(given: Any, tokens_max: int | None) -> Json:
    """As it came, without what was null and what is nobody's business."""
    body: Json = msgspec.json.decode(msgspec.json.encode(given))  # ours to change
    body = {name: value for name, value in body.items() if value is not None and name not in _NOT_PASSED_ON}
    return body if tokens_max is None else {**body, "max_tokens": tokens_max}


def _work(call: Callable[[Json, Event], None], body: Json, wanted: Sampling, kind: str) -> LanguageWork:
    def stream(listener: Listener) -> None:
        def arrived(chunk: Json) -> bool:
            if chunk:
                listener.tell(events.event(chunk))
            return not listener.has_left

        call(body, arrived)
        listener.tell(events.DONE)

    def whole(listener: Listener) -> object:
        answer = Whole(kind)

        def arrived(chunk: Json) -> bool:
            if chunk:
                answer.add(chunk)
            return not listener.has_left

        call({**body, "stream_options": {"include_usage": True}}, arrived)
        return answer.answer()

    return LanguageWork(stream, streams=True) if wanted.stream else LanguageWork(whole)
