"""text-generation: the parameters and the answers of the task API, which are TGI's."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec

from pioche.errors import InvalidInput
from pioche.serving.engines import Listener, events, inputs
from pioche.serving.engines.language import Json, Writer
from pioche.serving.engines.language.talks import Count, One, Penalty, Share
from pioche.serving.engines.language.work import LanguageWork
from pioche.serving.spec import Ask

_TOKENS = 100
_STOPS_MAX = 16
_TOP_MAX = 5
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Grammar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`json_schema` has its schema in `value.schema`, beside a name."""

    type: Literal["json", "json_object", "json_schema"]
    value: dict[str, Any]

    def schema(self) -> Json:
        if self.type != "json_schema":
            return self.value
        found = self.value.get("schema")
        if not isinstance(found, dict):
            raise InvalidInput("parameters.grammar.value.schema", "an object is needed")
        return found


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
    top_n_tokens: Annotated[int, msgspec.Meta(ge=0, le=_TOP_MAX)] | None = None
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
    """What has been written. `stop_type` is how llama.cpp says that it ended, where it was asked to say."""

    wanted: Generate
    prompt: str
    text: str = ""
    tokens: list[Json] = field(default_factory=list)
    top_tokens: list[list[Json]] = field(default_factory=list)
    reason: str = ""
    stop_type: str = ""
    read: int = 0
    count: int = 0

    def add(self, chunk: Json) -> None:
        """Nothing is in a chunk that only says that the prompt is being read."""
        usage = chunk.get("usage", {})
        self.read, self.count = usage.get("prompt_tokens", self.read), usage.get("completion_tokens", self.count)
        self.stop_type = chunk.get("__verbose", {}).get("stop_type") or self.stop_type
        for choice in chunk.get("choices", ()):
            self.text += choice["text"]
            self.reason = choice["finish_reason"] or self.reason
            found = (choice.get("logprobs") or {}).get("content", [])
            for place, one in enumerate(found):
                # A text that might have become a stop sequence was held back, and comes at once.
                self.tokens.append(_token(one, choice["text"] if place == len(found) - 1 else ""))
                self.top_tokens.append([_token(top, top["token"]) for top in one["top_logprobs"]])

    def event(self, place: int) -> Json:
        found: Json = {"index": place + 1, "token": self.tokens[place], "generated_text": None, "details": None}
        if self.wanted.top_n_tokens:
            found["top_tokens"] = self.top_tokens[place]
        return found

    @property
    def settled(self) -> int:
        """Tokens that others follow. One that ends a text has none of its own, nor has one of a stop sequence."""
        count = len(self.tokens)
        is_open = count > 0 and (not self.tokens[-1]["text"] or count == self.wanted.max_new_tokens)
        return count - is_open

    def finish(self) -> None:
        """Marks the token by which the model itself says that it is done."""
        if self.tokens and not self.tokens[-1]["text"] and self._finish_reason == "eos_token":
            self.tokens[-1]["special"] = True

    def last(self, end_token: int) -> Json:
        """The event of the end: of the last token, unless that has been told."""
        if self.settled < len(self.tokens):
            return self.event(self.settled)
        end = {"id": end_token, "text": "", "logprob": 0.0, "special": True}
        return {"index": len(self.tokens) + 1, "token": end, "generated_text": None, "details": None}

    @property
    def whole(self) -> str:
        return self.prompt + self.text if self.wanted.return_full_text else self.text

    def ending(self) -> Json:
        return {"finish_reason": self._finish_reason, "generated_tokens": self.count, "seed": self.wanted.seed}

    @property
    def _finish_reason(self) -> str:
        if self.reason == "length":
            return "length"
        return "stop_sequence" if self.stop_type == "word" else "eos_token"


def generate(writer: Writer, ask: Ask) -> LanguageWork:
    """Greedy unless the request says how to choose, as the servers are that people come from."""
    wanted = inputs.read_parameters(ask.parameters, Generate)
    if not isinstance(ask.inputs, str):
        raise InvalidInput("inputs", "a text is needed")
    prompt, body = ask.inputs, _body(ask.inputs, wanted)
    work = _stream if wanted.stream else _whole
    return LanguageWork(lambda listener: work(writer, body, _Written(wanted, prompt), listener), streams=wanted.stream)


def _stream(writer: Writer, body: Json, written: _Written, listener: Listener) -> None:
    """Whether a token is the last is not known when it comes. One that may be waits: the last event has it, as TGI's."""
    told = 0

    def arrived(chunk: Json) -> bool:
        nonlocal told
        written.add(chunk)
        while told < written.settled:
            listener.tell(events.event(written.event(told)))
            told += 1
        return not listener.has_left

    writer.complete(body, arrived)
    written.finish()
    details = {**written.ending(), "input_length": written.read}
    listener.tell(events.event({**written.last(writer.end_token), "generated_text": written.whole, "details": details}))


def _whole(writer: Writer, body: Json, written: _Written, listener: Listener) -> object:
    def arrived(chunk: Json) -> bool:
        written.add(chunk)
        return not listener.has_left

    writer.complete(body, arrived)
    written.finish()
    answer: Json = {"generated_text": written.whole}
    if written.wanted.details:
        answer["details"] = {**written.ending(), "prefill": [], "tokens": written.tokens}
        if written.wanted.top_n_tokens:
            answer["details"]["top_tokens"] = written.top_tokens
    return [answer]


def _body(text: str, wanted: Generate) -> Json:
    given = {name: getattr(wanted, name) for name in _PASSED_ON if getattr(wanted, name) is not None}
    chosen = any(name in given for name in ("temperature", "top_k", "top_p", "typical_p"))
    if wanted.do_sample is False or not (chosen or wanted.do_sample):
        given["temperature"] = 0.0
    body: Json = {"prompt": text, **{_NAMES.get(name, name): value for name, value in given.items()}}
    if wanted.stop:
        # What llama.cpp says of itself then has whether a stop sequence ended the text, or the model did.
        body |= {"stop": wanted.stop, "verbose": True}
    if wanted.grammar is not None:
        body["json_schema"] = wanted.grammar.schema()
    if wanted.stream or wanted.details:
        body["logprobs"] = max(1, wanted.top_n_tokens or 0)
    return body


def _token(one: Json, text: str) -> Json:
    return {"id": one["id"], "text": text, "logprob": one["logprob"], "special": False}
