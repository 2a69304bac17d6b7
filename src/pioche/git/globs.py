"""The patterns of .gitattributes and .gitignore (git's `wildmatch` with paths), matched in bounded time.

Patterns come from users. A plain translation to one regular expression takes exponential time on `*a*a*a*b`; here a
path is matched segment by segment, and each `*` gives back nothing once it has found the next piece (atomic groups).
"""

import re
from collections.abc import Callable

Segment = Callable[[str], object]
"""Tests one path segment."""

_POSIX = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": " \\t", "digit": "0-9", "lower": "a-z", "upper": "A-Z",
    "space": r"\s", "xdigit": "0-9a-fA-F", "punct": r"!-/:-@\[-`{-~", "word": r"\w",
}  # fmt: skip
_CLASS = re.compile(r"\[(?P<not>[!^]?)(?P<items>\]?(?:\\.|\[:\w+:\]|[^\]\\])*)\]", re.DOTALL)
_ITEM = re.compile(r"\[:(?P<posix>\w+):\]|(?P<low>\\.|[^\\])(?:-(?P<high>\\.|[^\\]))?", re.DOTALL)
_SPECIAL = re.compile(r"[*?\[\\]")


class PathPattern:
    """A pattern with a slash in it (not at its end) is anchored at the root; any other matches the last segment."""

    def __init__(self, pattern: str) -> None:
        self.folders_only = pattern.endswith("/")
        anchored = "/" in pattern.rstrip("/")
        segments = pattern.strip("/").split("/")
        self._segments = None if not anchored else _segments(segments)
        self._last = segment(segments[-1])

    def matches(self, segments: list[str]) -> bool:
        if self._segments is None:
            return bool(self._last(segments[-1]))
        return _match(self._segments, segments)


def segment(pattern: str) -> Segment:
    """A test for one segment. A broken pattern (an open bracket) matches nothing, as in git."""
    if not _SPECIAL.search(pattern):
        return pattern.__eq__
    if pattern.startswith("*") and not _SPECIAL.search(pattern[1:]):
        return _EndsWith(pattern[1:])
    try:
        return re.compile(_translate(pattern), re.DOTALL).fullmatch
    except (_Broken, re.error, OverflowError):
        return _never


def _segments(patterns: list[str]) -> list[Segment | None]:
    """None stands for `**`: any number of folders. At the end it means everything inside, so at least one segment."""
    found: list[Segment | None] = [None if pattern == "**" else segment(pattern) for pattern in patterns]
    return [*found, segment("*")] if found[-1] is None else found


def _match(patterns: list[Segment | None], segments: list[str]) -> bool:
    """Only the last `**` ever needs to be tried again, so this takes at most len(patterns) x len(segments) steps."""
    at = place = mark = 0
    retry = -1
    while place < len(segments):
        test = patterns[at] if at < len(patterns) else _never
        if test is None:
            retry, mark = at, place
            at += 1
        elif test(segments[place]):
            at, place = at + 1, place + 1
        elif retry >= 0:
            mark += 1
            at, place = retry + 1, mark
        else:
            return False
    return all(test is None for test in patterns[at:])


class _EndsWith:
    """`*.ext`, the most common pattern by far."""

    def __init__(self, end: str) -> None:
        self._end = end

    def __call__(self, text: str) -> bool:
        return text.endswith(self._end)


class _Broken(ValueError):
    """A pattern that matches nothing."""


def _never(_: str) -> bool:
    return False


def _translate(pattern: str) -> str:
    """A regular expression for one segment: fixed pieces between stars, each found once and for all."""
    first, *rest = _pieces(pattern)
    if not rest:
        return first
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1] if piece)
    return f"{first}{middle}.*{rest[-1]}"


def _pieces(pattern: str) -> list[str]:
    pieces, at = [""], 0
    while at < len(pattern):
        char, at = pattern[at], at + 1
        if char == "*":
            pieces.append("")
        elif char == "?":
            pieces[-1] += "."
        elif char == "[":
            match = _CLASS.match(pattern, at - 1)
            if match is None:
                raise _Broken(pattern)
            pieces[-1] += _class(match)
            at = match.end()
        elif char == "\\":
            if at == len(pattern):
                raise _Broken(pattern)
            pieces[-1] += re.escape(pattern[at])
            at += 1
        else:
            pieces[-1] += re.escape(char)
    return pieces


def _class(match: re.Match[str]) -> str:
    body = "".join(_item(item) for item in _ITEM.finditer(match["items"]))
    if not body:
        return "." if match["not"] else "(?!)"
    return f"[{'^' if match['not'] else ''}{body}]"


def _item(item: re.Match[str]) -> str:
    if item["posix"]:
        if item["posix"] not in _POSIX:
            raise _Broken(item["posix"])
        return _POSIX[item["posix"]]
    low = item["low"][-1]
    high = item["high"][-1] if item["high"] else low
    return f"{re.escape(low)}-{re.escape(high)}" if low <= high else ""
