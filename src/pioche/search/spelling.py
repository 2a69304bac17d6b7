"""Words that differ from another by little: edit distance, of a whole dictionary at once.

Distance counts letters put in, left out, replaced, and neighbours exchanged (optimal string alignment).
"""

import numpy as np
from numpy.typing import NDArray

_SINGLE_FROM, _DOUBLE_FROM = 4, 8
_LETTERS_MAX = 32


def tolerance(word: str) -> int:
    """How many errors the word may have: 1 from 4 letters, 2 from 8."""
    return 2 if len(word) >= _DOUBLE_FROM else 1 if len(word) >= _SINGLE_FROM else 0


def signature(word: str) -> int:
    """Which letters the word has, one bit each: one error changes at most two bits."""
    bits = 0
    for letter in word.encode():
        bits |= 1 << (letter & 63)
    return bits


class Dictionary:
    """Words by number, as they are appended."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._signatures = np.zeros(1024, dtype=np.uint64)
        self._lengths = np.zeros(1024, dtype=np.int16)

    def extend(self, words: list[str]) -> None:
        start, end = len(self._words), len(self._words) + len(words)
        self._words += words
        if end > len(self._signatures):
            room = max(end, len(self._signatures) * 3 // 2)
            self._signatures = np.concatenate(
                (self._signatures, np.zeros(room - len(self._signatures), dtype=np.uint64))
            )
            self._lengths = np.concatenate((self._lengths, np.zeros(room - len(self._lengths), dtype=np.int16)))
        self._signatures[start:end] = np.fromiter(map(signature, words), dtype=np.uint64, count=len(words))
        self._lengths[start:end] = np.fromiter(
            (min(len(word), 1000) for word in words), dtype=np.int16, count=len(words)
        )

    def __len__(self) -> int:
        return len(self._words)

    def near(self, word: str) -> list[int]:
        """The numbers of the words that `word` may be a misspelling of; itself among them."""
        errors, size = tolerance(word), len(self._words)
        if errors == 0 or len(word) > _LETTERS_MAX:
            return []
        lengths = self._lengths[:size]
        differing = np.bitwise_count(self._signatures[:size] ^ np.uint64(signature(word)))
        likely = (differing <= 2 * errors) & (lengths >= len(word) - errors) & (lengths <= len(word) + errors)
        numbers = np.flatnonzero(likely)
        if not len(numbers):
            return []
        near = distances(word, [self._words[number] for number in numbers.tolist()]) <= errors
        found: list[int] = numbers[near].tolist()
        return found


def distances(word: str, others: list[str]) -> NDArray[np.int16]:
    """The edit distance from `word` to each of `others`."""
    target = [ord(letter) for letter in word]
    lengths = np.array([len(other) for other in others], dtype=np.int64)
    width = int(lengths.max(initial=0))
    letters = np.zeros((width + 1, len(others)), dtype=np.int32)
    for column, other in enumerate(others):
        letters[: len(other), column] = [ord(letter) for letter in other]
    rows = [np.broadcast_to(np.arange(width + 1, dtype=np.int16)[:, None], (width + 1, len(others))).copy()]
    for i, letter in enumerate(target, start=1):
        rows.append(_next_row(rows, letters, i, letter, target[i - 2] if i > 1 else -1))
    return rows[-1][lengths, np.arange(len(others))]


def _next_row(
    rows: list[NDArray[np.int16]], letters: NDArray[np.int32], i: int, letter: int, previous: int
) -> NDArray[np.int16]:
    """Row `i` of the table of distances between beginnings, for all words at once."""
    above = rows[-1]
    row = np.empty_like(above)
    row[0] = i
    for j in range(1, above.shape[0]):
        replaced = above[j - 1] + (letters[j - 1] != letter)
        best = np.minimum(np.minimum(above[j], row[j - 1]) + 1, replaced)
        if i > 1 and j > 1:
            swapped = (letters[j - 1] == previous) & (letters[j - 2] == letter)
            best = np.where(swapped, np.minimum(best, rows[-2][j - 2] + 1), best)
        row[j] = best
    return row
