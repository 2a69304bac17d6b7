"""What building an app, or the app itself, said last: bounded, numbered, with times and without secrets."""

import threading
import time
from collections import deque
from dataclasses import dataclass

_LINES_MAX = 5000
_CHARACTERS_MAX = 2 * 2**20


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    time: float
    text: str


class Lines:
    """All methods may be called from any thread."""

    def __init__(self) -> None:
        self._kept = deque[Line]()
        self._characters = 0
        self._next = 0
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        with self._lock:
            self._kept.append(Line(self._next, time.time(), text))
            self._next += 1
            self._characters += len(text)
            while len(self._kept) > _LINES_MAX or self._characters > _CHARACTERS_MAX:
                self._characters -= len(self._kept.popleft().text)

    def clear(self) -> None:
        """Numbers go on, so that who follows does not miss what comes."""
        with self._lock:
            self._kept.clear()
            self._characters = 0

    def since(self, number: int, most: int = 1000) -> list[Line]:
        with self._lock:
            return [line for line in self._kept if line.number >= number][:most]

    def last(self, count: int) -> list[str]:
        with self._lock:
            return [line.text for line in list(self._kept)[-count:]]
