"""JSON that folds: each object and array is a <details>, open as far as a reader takes in at once."""

from collections.abc import Iterable

import msgspec
from markupsafe import Markup

from pioche.render.results import Folded, Problem

_NODES_MAX = 5000
_DEPTH_MAX = 60
_TEXT_CHARACTERS_MAX = 500
_OPEN_DEPTH = 2


def tree(source: bytes) -> Folded:
    """Every text in it is escaped; the elements are ours."""
    try:
        value = msgspec.json.decode(source)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Folded("", problem=Problem.UNREADABLE)
    try:
        return Folded(str(Markup("<ul>{}</ul>").format(_Tree().item(Markup(), value, 0))))
    except _TooMuch:
        return Folded("", problem=Problem.TOO_LARGE)


class _TooMuch(Exception):
    """More, or deeper, than anybody folds."""


class _Tree:
    """One pass, which counts what it has shown."""

    def __init__(self) -> None:
        self._left = _NODES_MAX

    def item(self, key: Markup, value: object, depth: int) -> Markup:
        self._left -= 1
        if self._left < 0 or depth > _DEPTH_MAX:
            raise _TooMuch
        if isinstance(value, dict) and value:
            return self._branch(
                key, "{", "}", ((_key(name), inner) for name, inner in value.items()), len(value), depth
            )
        if isinstance(value, list) and value:
            return self._branch(key, "[", "]", ((Markup(), inner) for inner in value), len(value), depth)
        return Markup('<li>{}<span class="value">{}</span></li>').format(key, _shown(value))

    def _branch(
        self, key: Markup, first: str, last: str, pairs: Iterable[tuple[Markup, object]], count: int, depth: int
    ) -> Markup:
        inside = Markup().join(self.item(name, value, depth + 1) for name, value in pairs)
        is_open = Markup(" open") if depth < _OPEN_DEPTH and count <= 100 else Markup()
        summary = Markup('{}{} <span class="count">{}</span>').format(key, first, count)
        return Markup("<li><details{}><summary>{}</summary><ul>{}</ul>{}</details></li>").format(
            is_open, summary, inside, last
        )


def _key(name: object) -> Markup:
    return Markup('<span class="key">{}</span>: ').format(_cut(str(name)))


def _shown(value: object) -> str:
    return _cut(msgspec.json.encode(value).decode())


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_CHARACTERS_MAX else text[:_TEXT_CHARACTERS_MAX] + "…"
