"""text-generation: the parameters and the answers of the task API, which are TGI's."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec

from pioche.errors import InvalidInput
from pioche.serving.engines import Listener, events, inputs
from pioche.serving.engines.llama.server import Json, Server
from pioche.serving.engines.llama.talks import Count, One, Penalty, Share
from pioche.serving.engines.llama.work import LlamaWork
from pioche.serving.spec import Ask

_TOKENS = 100
_STOPS_MAX = 16
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Grammar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["json", "json_object"]
    value: dict[str, Any]


class Generate(inputs.Parameters, frozen=True, kw_only=True):
    """Fields that have one value only are those that clients send, and that this engine can have no other way."""

    max_new_tokens: Count = _TOKENS
    do_sample: bool | None = None
    temperature: Positive | None = None
    top_k: Count | None = None
    top_p: Share | None = None
    typical_p: Share | None = None
    repetition_penalty: Positive | None = None
    frequency_penalty: Penalty | None = None
    seed: int | None = None
    stop: Annotated[tuple[str, ...], msgspec.Meta(max_length=_STOPS_MAX)] = ()
    grammar: Grammar | None = None
    return_full_text: bool = False
    details: bool = False
    stream: bool = False
    best_of: One = 1
    watermark: Literal[False] = False
    decoder_input_details: Literal[False] = False


_NAMES = {"repetition_penalty": "repeat_penalty", "max_new_tokens": "max_tokens"}
_PASSED_ON = (
    "max_new_tokens",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
    "repetition_penalty",
    "frequency_penalty",
    "seed",
)


@dataclass(slots=True)
class _Written:
    text: str = ""
    tokens: list[Json] = field(default_factory=list)
    reason: str = ""
    count: int = 0

    def add(self, chunk: Json) -> Iterator[Json]:
        """The tokens that are new."""
        self.count = chunk.get("usage", {}).get("completion_tokens", self.count)
        for choice in chunk["choices"]:
            self.text += choice["text"]
            self.reason = choice["finish_reason"] or self.reason
            found = (choice.get("logprobs") or {}).get("content", [])
            for place, one in enumerate(found):
                # A text that might have become a stop sequence was held back, and comes at once.
                text = choice["text"] if place == len(found) - 1 else ""
                token = {"id": one["id"], "text": text, "logprob": one["logprob"], "special": False}
                self.tokens.append(token)
                yield token


def generate(server: Server, ask: Ask) -> LlamaWork:
    """Greedy unless the request says how to choose, as the servers are that people come from."""
    wanted = inputs.read_parameters(ask.parameters, Generate)
    if not isinstance(ask.inputs, str):
        raise InvalidInput("inputs", "a text is needed")
    text, body = ask.inputs, _body(ask.inputs, wanted)

    def stream(listener: Listener) -> None:
        written = _Written()

        def arrived(chunk: Json) -> bool:
            for token in written.add(chunk) if chunk else ():
                listener.tell(events.event(_event(written, token)))
            return not listener.has_left

        server.complete(body, arrived)
        # Whether a token was the last is not known when it comes: one without text says how it ended, as that of the end does.
        last = _event(written, {"id": server.end_token, "text": "", "logprob": 0.0, "special": True})
        last["generated_text"], last["details"] = _whole(text, written, wanted), _ending(written, wanted)
        listener.tell(events.event(last))

    def whole(listener: Listener) -> object:
        written = _Written()

        def arrived(chunk: Json) -> bool:
            if chunk:
                list(written.add(chunk))
            return not listener.has_left

        server.complete(body, arrived)
        answer: Json = {"generated_text": _whole(text, written, wanted)}
        if wanted.details:
            answer["details"] = {**_ending(written, wanted), "prefill": [], "tokens": written.tokens}
        return [answer]

    return LlamaWork(stream, streams=True) if wanted.stream else LlamaWork(whole)


def _body(text: str, wanted: Generate) -> Json:
    given = {name: getattr(wanted, name) for name in _PASSED_ON if getattr(wanted, name) is not None}
    chosen = any(name in given for name in ("temperature", "top_k", "top_p", "typical_p"))
    if wanted.do_sample is False or not (chosen or wanted.do_sample):
        given["temperature"] = 0.0
    body: Json = {"prompt": text, **{_NAMES.get(name, name): value for name, value in given.items()}}
    if wanted.stop:
        body["stop"] = wanted.stop
    if wanted.grammar is not None:
        body["json_schema"] = wanted.grammar.value
    if wanted.stream or wanted.details:
        body["logprobs"] = 1
    return body


def _event(written: _Written, token: Json) -> Json:
    return {"index": len(written.tokens), "token": token, "generated_text": None, "details": None}


def _whole(text: str, written: _Written, wanted: Generate) -> str:
    return text + written.text if wanted.return_full_text else written.text


def _ending(written: _Written, wanted: Generate) -> Json:
    stopped = "stop_sequence" if wanted.stop else "eos_token"
    reason = "length" if written.reason == "length" else stopped
    return {"finish_reason": reason, "generated_tokens": written.count, "seed": wanted.seed}
