"""What a build prints, as it may be shown: without the values that are secret, and no more than a person reads."""

import base64
from collections.abc import Callable, Iterable
from urllib.parse import quote

STARS = "***"
_SHORTEST = 4
"""A value of fewer characters is in every second line, and no secret."""
_LONG_LINE = 4000
"""The runner's log cuts lines a little above: a value may be cut too."""
_LINES_MAX, _CHARACTERS_MAX = 20_000, 4 * 2**20

Say = Callable[[str], None]


class Redaction:
    """A log whose lines go on to `say`. Not for several threads."""

    def __init__(self, say: Say, secrets: Iterable[str] = ()) -> None:
        self._say = say
        self._secrets = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
        self._was_cut = False
        self._lines, self._characters = 0, 0

    def __call__(self, text: str) -> None:
        shown = self.replaced(text)
        if self._lines > _LINES_MAX or self._characters > _CHARACTERS_MAX:
            return
        self._lines, self._characters = self._lines + 1, self._characters + len(shown)
        self._say("... (the log goes on, and is not kept)" if self._is_full else shown)

    def replaced(self, text: str) -> str:
        """A text that is whole."""
        for secret in self._secrets:
            text = text.replace(secret, STARS)
        return text

    def redacted(self, text: str) -> str:
        """A line after those that came before: a value that goes on from one to the next is found in both."""
        text = self.replaced(text)
        if self._was_cut:
            text = self._without_rest(text)
        self._was_cut = len(text) >= _LONG_LINE
        return self._without_beginning(text) if self._was_cut else text

    @property
    def _is_full(self) -> bool:
        return self._lines > _LINES_MAX or self._characters > _CHARACTERS_MAX

    def _without_beginning(self, text: str) -> str:
        whole = text.removesuffix(" ...")
        length = max((_overlap(whole, secret) for secret in self._secrets), default=0)
        return whole[: len(whole) - length] + STARS if length else text

    def _without_rest(self, text: str) -> str:
        length = max((_overlap(secret, text) for secret in self._secrets), default=0)
        return STARS + text[length:] if length else text


def _overlap(before: str, after: str) -> int:
    """How many characters at the end of one are the beginning of the other."""
    longest = min(len(before), len(after))
    return next((length for length in range(longest, 2, -1) if before.endswith(after[:length])), 0)


def _forms(secret: str) -> Iterable[str]:
    """A value, its lines where it has several, and as addresses and headers carry it."""
    lines = [line.strip() for line in secret.splitlines()]
    for text in {secret, secret.strip(), *(line for line in lines if len(line) >= 2 * _SHORTEST)}:
        if len(text) >= _SHORTEST and "\n" not in text:
            yield from {text, quote(text, safe=""), base64.b64encode(text.encode()).decode().rstrip("=")}
