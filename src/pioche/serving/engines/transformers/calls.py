"""Tools in a chat: whether the template knows them, and calls of them in what the model wrote.

Two ways to write a call are read, which most models have been taught: `<tool_call>{"name": ..., "arguments": ...}</tool_call>`, and
an answer that is such an object and nothing else (`parameters` for `arguments`, as Llama writes it)."""

import secrets
from collections.abc import Iterator
from typing import Any

import msgspec

Json = dict[str, Any]
_OPENED, _CLOSED = "<tool_call>", "</tool_call>"
HOLDS = (_OPENED, "{", "[")
"""What is not told before the whole is there: it may be a call."""


def split(text: str, *, alone: bool) -> tuple[str, list[Json]]:
    """What is said before the calls, and the calls, as the OpenAI API has them. No calls where none can be read. `alone` says that
    nothing was told before this text."""
    said, mark, _ = text.partition(_OPENED)
    found = list(_marked(text) if mark else _bare(text) if alone else ())
    return (said.rstrip() if mark else "", found) if found else (text, [])


def _marked(text: str) -> Iterator[Json]:
    for piece in text.split(_OPENED)[1:]:
        yield from _bare(piece.partition(_CLOSED)[0])


def _bare(text: str) -> Iterator[Json]:
    try:
        call = msgspec.json.decode(text.strip())
    except (msgspec.DecodeError, RecursionError):
        return
    for one in call if isinstance(call, list) else [call]:
        if isinstance(one, dict) and isinstance(name := one.get("name"), str):
            given = one.get("arguments", one.get("parameters", {}))
            written = given if isinstance(given, str) else msgspec.json.encode(given).decode()
            yield {
                "id": f"call_{secrets.token_hex(12)}",
                "type": "function",
                "function": {"name": name, "arguments": written},
            }
