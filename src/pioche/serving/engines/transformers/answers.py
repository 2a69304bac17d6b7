"""The pieces of an answer, in the form that `engines/language` knows: llama.cpp's."""

import secrets
import time
from collections.abc import Callable

import transformers

from pioche.serving.engines.language import Event, Json
from pioche.serving.engines.transformers import calls
from pioche.serving.engines.transformers.choosing import Chosen

Word = Callable[[int], str]


class Chunks:
    """Of one request; of several texts, one after another (`next`)."""

    def __init__(self, repo: str, kind: str, event: Event) -> None:
        self._event = event
        self._talks = kind == "chat.completion.chunk"
        self._head: Json = {
            "id": f"chatcmpl-{secrets.token_hex(16)}",
            "created": int(time.time()),
            "model": repo,
            "system_fingerprint": f"transformers-{transformers.__version__}",
            "object": kind,
        }
        self.has_left = False
        """Nobody waits for more."""
        self.next(0)

    def next(self, number: int) -> None:
        """What follows is of this text."""
        self._index = number
        self._told = False
        self.read = self._count = 0
        self.reason, self.stop_type = "stop", ""

    def begin(self) -> None:
        self._tell({"delta": {"role": "assistant", "content": None}})

    def add(self, piece: str, chosen: Chosen, word: Word, *, wants_likelihoods: bool) -> None:
        """A token, with what can be told since."""
        self._count += 1
        likely = {"logprobs": {"content": [_likely(chosen, word)]}} if wants_likelihoods else {}
        if piece or likely:
            self._say(piece, likely)

    def rest(self, text: str, *, may_call: bool) -> None:
        """What was held back until the end: words, or calls of tools."""
        said, found = calls.split(text, alone=not self._told) if may_call else (text, [])
        if said:
            self._say(said, {})
        if found:
            self._tell({"delta": {"tool_calls": [{"index": place, **call} for place, call in enumerate(found)]}})
            self.reason = "tool_calls"

    def end_chat(self, *, wants_usage: bool) -> None:
        self._tell({"delta": {}}, reason=self.reason)
        if wants_usage:
            self._send({"choices": [], **self._usage()})

    def end_text(self, *, says_why: bool) -> None:
        why = {"__verbose": {"stop_type": self.stop_type}} if says_why else {}
        self._tell({"text": "", "logprobs": None}, reason=self.reason, **self._usage(), **why)

    def _say(self, text: str, likely: Json) -> None:
        self._told = self._told or bool(text)
        self._tell(
            {"delta": {"content": text}, **likely} if self._talks else {"text": text, "logprobs": None, **likely}
        )

    def _tell(self, choice: Json, reason: str | None = None, **beside: object) -> None:
        self._send({"choices": [{"finish_reason": reason, "index": self._index, **choice}], **beside})

    def _send(self, chunk: Json) -> None:
        if not self.has_left:
            self.has_left = not self._event({**self._head, **chunk})

    def _usage(self) -> Json:
        both = self.read + self._count
        return {"usage": {"completion_tokens": self._count, "prompt_tokens": self.read, "total_tokens": both}}


def _likely(chosen: Chosen, word: Word) -> Json:
    tops = [_one(token, logprob, word) for token, logprob in chosen.tops]
    return {**_one(chosen.token, chosen.logprob, word), "top_logprobs": tops}


def _one(token: int, logprob: float, word: Word) -> Json:
    text = word(token)
    return {"id": token, "token": text, "bytes": list(text.encode()), "logprob": logprob}
