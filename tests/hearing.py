"""Asking a language model in the process of a test.

ask(engine, "text-generation", "a", max_new_tokens=3)     chat(engine, max_tokens=3)     streamed(engine, "chat", {...})
"""

import json
from typing import Any

from pioche.serving.spec import Ask

CHAT = [{"role": "user", "content": "abc"}]


class Hearing:
    """Leaves after so many pieces."""

    def __init__(self, patience: int = 10**6) -> None:
        self.pieces: list[bytes] = []
        self._patience = patience

    @property
    def has_left(self) -> bool:
        return len(self.pieces) >= self._patience

    def tell(self, piece: bytes) -> None:
        self.pieces.append(piece)

    @property
    def events(self) -> list[Any]:
        assert all(piece.startswith(b"data: ") and piece.endswith(b"\n\n") for piece in self.pieces)
        return [json.loads(piece[6:]) for piece in self.pieces if piece != b"data: [DONE]\n\n"]


def ask(engine: Any, task: str, inputs: object, hearing: Hearing | None = None, **parameters: object) -> Any:
    return engine.answer(engine.prepare(Ask(task, inputs, parameters)), hearing or Hearing())


def chat(engine: Any, **body: object) -> Any:
    return ask(engine, "chat", {"messages": CHAT, "temperature": 0, **body})


def streamed(engine: Any, task: str, inputs: object, **parameters: object) -> list[Any]:
    hearing = Hearing()
    ask(engine, task, inputs, hearing, **parameters)
    return hearing.events
