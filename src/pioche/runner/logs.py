"""What a process prints: its last lines, bounded in number, length and pace."""

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

_LINES_MAX = 2000
_LINE_BYTES_MAX = 4096
_BYTES_MAX = 512 * 1024
_PIECE = 64 * 1024
_PACE_BYTES = 2 * 2**20
"""A second: who prints more waits. A flood costs us little and the one who makes it time."""


@dataclass(frozen=True)
class Line:
    number: int
    """From 0 on, without gaps: what was dropped can be seen."""
    time: float
    text: str


class Log:
    """The last lines that came from a pipe, while they come and after. All methods may be called from any thread."""

    def __init__(self, pipe: int) -> None:
        self._lines = deque[Line]()
        self._bytes = 0
        self._next = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(pipe,), name="log", daemon=True)
        self._thread.start()

    def lines(self, first: int = 0) -> list[Line]:
        """Those that are kept, from number `first` on."""
        with self._changed:
            return [line for line in self._lines if line.number >= first]

    def follow(self, first: int = 0, *, patience: float | None = None) -> Iterator[Line]:
        """Lines from `first` on as they come, until the process has ended, or none came for `patience` seconds."""
        while True:
            with self._changed:
                if not self._changed.wait_for(partial(self._is_past, first), patience):
                    return
                found = [line for line in self._lines if line.number >= first]
                if not found and self._is_closed:
                    return
            yield from found
            first = found[-1].number + 1 if found else self._next

    def _is_past(self, number: int) -> bool:
        return self._next > number or self._is_closed

    def say(self, text: str) -> None:
        """Adds a line of our own."""
        with self._changed:
            self._keep(text)
            self._changed.notify_all()

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines())

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def _read(self, pipe: int) -> None:
        rest, began, taken = b"", time.monotonic(), 0
        while piece := os.read(pipe, _PIECE):
            *whole, rest = (rest + piece).split(b"\n")
            self._add(whole)
            if len(rest) > _LINE_BYTES_MAX:
                self._add([rest])
                rest = b""
            began, taken = _paced(began, taken + len(piece))
        os.close(pipe)
        with self._changed:
            if rest:
                self._keep(_text(rest))
            self._is_closed = True
            self._changed.notify_all()

    def _add(self, lines: list[bytes]) -> None:
        with self._changed:
            for line in lines:
                self._keep(_text(line))
            self._changed.notify_all()

    def _keep(self, text: str) -> None:
        self._lines.append(Line(self._next, time.time(), text))
        self._next += 1
        self._bytes += len(text)
        while len(self._lines) > _LINES_MAX or self._bytes > _BYTES_MAX:
            self._bytes -= len(self._lines.popleft().text)


def _text(line: bytes) -> str:
    cut = line[:_LINE_BYTES_MAX].decode(errors="replace").rstrip("\r")
    return cut + " ..." if len(line) > _LINE_BYTES_MAX else cut


def _paced(began: float, taken: int) -> tuple[float, int]:
    """Waits when a second's share was taken in less than a second."""
    if taken >= _PACE_BYTES:
        time.sleep(max(0.0, began + 1 - time.monotonic()))
        return time.monotonic(), 0
    if time.monotonic() - began > 1:
        return time.monotonic(), taken % _PIECE
    return began, taken
