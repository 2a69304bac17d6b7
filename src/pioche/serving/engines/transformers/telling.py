"""Texts out of tokens, as they come."""

from collections.abc import Callable, Sequence

_HALF_A_LETTER = "\ufffd"


class Telling:
    """Holds back what may still change: half a letter, and what may be the beginning of a text that ends it all."""

    def __init__(self, decode: Callable[[list[int]], str], stops: Sequence[str], holds: Sequence[str] = ()) -> None:
        self._decode = decode
        self._stops = stops
        self._holds = holds
        self._tokens: list[int] = []
        self._before = self._read = 0
        self._held = ""
        self.has_ended = False
        """A text of `stops` has come."""

    def add(self, token: int) -> str:
        """What can be told since."""
        self._tokens.append(token)
        told = self._decode(self._tokens[self._before : self._read])
        text = self._decode(self._tokens[self._before :])
        if len(text) > len(told) and not text.endswith(_HALF_A_LETTER):
            # Letters depend on the tokens before: a few are decoded again.
            self._before, self._read = self._read, len(self._tokens)
            return self._let(text[len(told) :])
        return ""

    def word(self, token: int) -> str:
        """Of one token alone."""
        return self._decode([token])

    def rest(self) -> str:
        """What was held back, at the end."""
        if not self.has_ended:
            told = self._decode(self._tokens[self._before : self._read])
            self._held += self._decode(self._tokens[self._before :])[len(told) :]
        rest, self._held = self._held, ""
        return rest

    def _let(self, piece: str) -> str:
        self._held += piece
        ends = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if ends:
            self.has_ended = True
            self._held = self._held[: min(ends)]
        begun = [] if ends else [len(self._held) - _begun(self._held, stop) for stop in self._stops]
        kept = min((*begun, *map(self._kept, self._holds)), default=len(self._held))
        told, self._held = self._held[:kept], self._held[kept:]
        return told

    def _kept(self, mark: str) -> int:
        """Where what is held back for a mark begins: all from it on, or what may become one."""
        found = self._held.find(mark)
        return found if found >= 0 else len(self._held) - _begun(self._held, mark)


def _begun(text: str, wanted: str) -> int:
    """How many letters at the end of a text are the beginning of what is wanted."""
    return next((size for size in range(min(len(wanted) - 1, len(text)), 0, -1) if text.endswith(wanted[:size])), 0)
