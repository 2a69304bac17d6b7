"""One answer out of the pieces of a stream. Whole answers are made so too, since a stream can be stopped when its client leaves."""

from typing import Any

Json = dict[str, Any]


class Whole:
    """Of a chat when `kind` is `chat.completion`, of a text when it is `text_completion`."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._head: Json = {}
        self._choices: dict[int, Json] = {}
        self._usage: Json = {}

    def add(self, chunk: Json) -> None:
        self._head = self._head or {name: chunk[name] for name in ("id", "created", "model", "system_fingerprint")}
        for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
            # Several prompts of one request are counted each for itself.
            self._usage[name] = self._usage.get(name, 0) + chunk.get("usage", {}).get(name, 0)
        for piece in chunk["choices"]:
            choice = self._choices.setdefault(piece["index"], {"index": piece["index"], "finish_reason": None})
            choice["finish_reason"] = piece["finish_reason"] or choice["finish_reason"]
            if piece.get("logprobs"):
                choice.setdefault("logprobs", {"content": []})["content"] += piece["logprobs"]["content"]
            if "delta" in piece:
                _talk(choice.setdefault("message", {"role": "assistant", "content": None}), piece["delta"])
            else:
                choice["text"] = choice.get("text", "") + piece["text"]

    def answer(self) -> Json:
        choices = [self._choices[number] for number in sorted(self._choices)]
        return {**self._head, "object": self._kind, "choices": choices, "usage": self._usage}


def _talk(message: Json, delta: Json) -> None:
    for name in ("content", "reasoning_content"):
        if delta.get(name):
            message[name] = (message.get(name) or "") + delta[name]
    for piece in delta.get("tool_calls") or ():
        calls = message.setdefault("tool_calls", [])
        while len(calls) <= piece["index"]:
            calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        call, function = calls[piece["index"]], piece.get("function", {})
        call["id"] = piece.get("id") or call["id"]
        for name in ("name", "arguments"):
            call["function"][name] += function.get(name) or ""
